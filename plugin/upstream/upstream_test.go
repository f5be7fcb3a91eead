package upstream

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/build"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/source/sourcetest"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// writeSdist writes a source archive of a Python package.
func writeSdist(t *testing.T, name string, files map[string]string) {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	entries := tar.NewWriter(zip)
	for name, content := range files {
		if err := entries.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content)),
			Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := entries.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := entries.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	plugintest.Write(t, name, out.String(), 0o644)
}

// upstreamFor is a check with a cache of its own.
func upstreamFor(t *testing.T, opts Options) *check {
	tools, err := build.FindToolchain()
	if err != nil {
		t.Fatal(err)
	}
	opts.Cache = t.TempDir()
	return &check{
		Builder: &build.Builder{Options: build.Options{Cache: opts.Cache}, Pins: sourcetest.Pins(t), Tools: tools,
			Overlay: repository(), Steps: step.New(t.Output())},
		opts: opts,
	}
}

// A version without a hash is pinned by the downloaded archive.
func TestAnotherLlamaCppIsPinnedByItsArchive(t *testing.T) {
	c := upstreamFor(t, Options{LlamaCppPython: "0.9.9"})
	writeSdist(t, filepath.Join(c.Builder.Options.Cache, "downloads", "llama_cpp_python-0.9.9.tar.gz"), map[string]string{
		"llama_cpp_python-0.9.9/CHANGELOG.md": "## [0.9.9]\n- feat: Update llama.cpp to " +
			"ggml-org/llama.cpp@abcdef123\n## [0.9.8]\n- feat: Update llama.cpp to ggml-org/llama.cpp@000000000\n",
		"llama_cpp_python-0.9.9/vendor/llama.cpp/src/llama-model.cpp": "int x;\n",
		"llama_cpp_python-0.9.9/vendor/llama.cpp/ggml/CMakeLists.txt": "set(GGML_VERSION_MAJOR 1)\n" +
			"set(GGML_VERSION_MINOR 2)\nset(GGML_VERSION_PATCH 3)\n",
		"llama_cpp_python-0.9.9/vendor/llama.cpp/common/CHANGELOG.md":   "update llama.cpp to ggml-org/llama.cpp@111111111\n",
		"llama_cpp_python-0.9.9/vendor/llama.cpp/ggml/include/ggml.txt": "",
	})
	err := c.Steps.DoAll(t.Context(), []step.Named{{Name: "versions", Do: c.resolve}, {Name: "fetch", Do: c.FetchLlamaCpp},
		{Name: "series", Do: c.chooseSeries}})
	if err != nil {
		t.Fatal(err)
	}
	c.readVersions()
	pin := c.report.LlamaCpp
	if pin.Version != "0.9.9" || pin.Commit != "abcdef123" || pin.GGML != "1.2.3" ||
		pin.Subdir != "llama_cpp_python-0.9.9/vendor/llama.cpp" {
		t.Errorf("%+v", pin)
	}
	if data, err := os.ReadFile(filepath.Join(c.Builder.Options.Cache, "downloads", pin.File)); err != nil ||
		fmt.Sprintf("%x", sha256.Sum256(data)) != pin.SHA256 {
		t.Errorf("the archive has not the hash %s: %v", pin.SHA256, err)
	}
	if c.report.Series != sourcetest.Pins(t).Patches.Series || c.report.Pinned {
		t.Errorf("series %q, pinned %v", c.report.Series, c.report.Pinned)
	}
	var out strings.Builder
	c.report.Print(&out)
	if !strings.Contains(out.String(), `sha256  = "`+pin.SHA256+`"`) {
		t.Errorf("%s", out.String())
	}
}

func TestVersionsThatAreNone(t *testing.T) {
	for _, opts := range []Options{{Ollama: "v0.33"}, {Ollama: "v1.2.3@latest"}, {LlamaCppPython: "0.3.35 --pre"},
		{LlamaCppPython: "latest"}} {
		c := upstreamFor(t, opts)
		if err := c.Steps.DoAll(t.Context(), []step.Named{{Name: "versions", Do: c.resolve}}); hint.Of(err) == "" {
			t.Errorf("%+v: %v", opts, err)
		}
	}
}

// A folder of patches named by the commit is preferred.
func TestSeriesOfTheVersionIsTaken(t *testing.T) {
	c := upstreamFor(t, Options{})
	patches := t.TempDir()
	if err := os.CopyFS(filepath.Join(patches, "llama.cpp-abcdef123"),
		os.DirFS("../../patches/"+c.Pins.Patches.Series)); err != nil {
		t.Fatal(err)
	}
	c.Overlay.Patches = os.DirFS(patches)
	c.Pins.LlamaCpp.Commit = "abcdef123"
	if err := c.Steps.DoAll(t.Context(), []step.Named{{Name: "series", Do: c.chooseSeries}}); err != nil ||
		c.report.Series != "llama.cpp-abcdef123" || len(c.ours) == 0 {
		t.Errorf("%q, %v", c.report.Series, err)
	}
}
