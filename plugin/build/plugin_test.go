package build

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/ggmlhead"
	"github.com/fh-ollama/fh-ollama/internal/sanitizertest"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/source/sourcetest"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

// TestBuildPlugin builds the plug-in into a prefix that a full build shares. Its tool, on the libraries of the stock
// build, must find the same clusters as the patched build's.
func TestBuildPlugin(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles C++; not with -short")
	}
	if err := pluginPlatform(); err != nil {
		t.Skip(err)
	}
	pins, err := source.ParsePins(thirdparty.Pins)
	if err != nil {
		t.Fatal(err)
	}
	prefix := t.TempDir()
	ours := filepath.Join(prefix, "lib/ollama/llama-server")
	plugintest.Write(t, ours, "", 0o755)
	opts := Options{Prefix: prefix, Version: "1.2.3-test"}
	for _, changed := range []int{4, 0} {
		result, err := Plugin(t.Context(), opts, pins, ggmlhead.Sources, step.New(t.Output()))
		if err != nil {
			t.Fatal(err)
		}
		if result.FilesReplaced != changed || result.LlamaCpp != pins.LlamaCpp.Commit {
			t.Errorf("%+v", result)
		}
	}
	files := []string{"LLAMA_CPP_LICENSE", "libflashhead-tool.so", "libggml-flashhead.so", "llama-flashhead"}
	for i, name := range files {
		files[i] = "lib/flashhead/" + name
	}
	if got := readFileList(prefix, pluginManifest); !slices.Equal(got, files) {
		t.Errorf("the manifest names %q", got)
	}
	if _, err := os.Stat(ours); err != nil {
		t.Error(err)
	}
	library, err := os.ReadFile(filepath.Join(prefix, "lib/flashhead/libggml-flashhead.so"))
	if err != nil || !bytes.Contains(library, []byte(opts.Version)) {
		t.Errorf("the library does not tell its version: %v", err)
	}

	program := filepath.Join(prefix, "lib/flashhead/llama-flashhead")
	borrowed := clusters(t, program, "--ggml", "../../dist-stock/lib/ollama", "cluster")
	if own := clusters(t, "../../dist/lib/ollama/llama-flashhead", "cluster"); !bytes.Equal(borrowed, own) {
		t.Error("the plug-in's tool finds other clusters than the patched build's")
	}
	empty := t.TempDir()
	text, err := exec.Command(program, "--ggml", empty, "cluster").CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || !bytes.HasPrefix(text, []byte("error: no ggml in "+empty)) {
		t.Errorf("without ggml: %v, %s", err, text)
	}
}

// clusters returns the output of a native tool for the bundled model.
func clusters(t *testing.T, program string, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	args = append(args, "--model", "../../integration/testdata/fh-demo-12m-q8_0.gguf", "--tensor", "token_embd.weight",
		"--iterations", "2", "--seed", "1", "--out", out)
	if text, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v; run make build stock first\n%s", program, err, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The plug-in, compiled with sanitizers, runs in ggml's libraries of the stock build.
func TestBackendUnderSanitizers(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles C++; not with -short")
	}
	if err := pluginPlatform(); err != nil {
		t.Skip(err)
	}
	tools, err := findPluginToolchain()
	if err != nil {
		t.Fatal(err)
	}
	libraries, err := filepath.Abs("../../dist-stock/lib/ollama")
	if err != nil {
		t.Fatal(err)
	}
	headers := sourcetest.Sources(t)["llama.cpp"]
	sanitizertest.Each(t, func(t *testing.T, flags []string) {
		dir := t.TempDir()
		args := []string{"-S", "../../ggmlhead/hosts/plugin", "-B", dir, "-G", "Ninja", "-DLLAMA_CPP_SOURCE=" + headers,
			"-DFLASH_HEAD_TEST_GGML=" + libraries, "-DCMAKE_CXX_COMPILER=" + sanitizertest.Compiler(),
			"-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS=-O1 " + strings.Join(flags, " ")}
		if launcher := tools.CXX.Launcher; launcher != "" {
			args = append(args, "-DCMAKE_CXX_COMPILER_LAUNCHER="+launcher)
		}
		for _, cmd := range []*exec.Cmd{
			exec.Command(tools.CMake, args...),
			exec.Command(tools.Ninja, "-C", dir, "ggml-flashhead", "test-flash-head-backend"),
		} {
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v; run make stock first\n%s", err, text)
			}
		}
		bin := filepath.Join(dir, "bin")
		sanitizertest.Run(t, filepath.Join(bin, "test-flash-head-backend"), libraries,
			filepath.Join(bin, "libggml-flashhead.so"),
			"-m", "a,b", "--model", "c", "-md", "d", "--spec-draft-model", "e")
	})
}
