package build

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/sanitizertest"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

// The plug-in, compiled with sanitizers, runs in ggml's libraries of the stock build.
func TestBackendUnderSanitizers(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles C++; not with -short")
	}
	if err := PluginPlatform(); err != nil {
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
	headers := plugintest.Sources(t)["llama.cpp"]
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
