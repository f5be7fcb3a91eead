package build

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// testBuild is a build that has compiled; its products are small files.
func testBuild(t *testing.T) *Builder {
	t.Helper()
	b := &Builder{Dir: t.TempDir(), Options: Options{Prefix: filepath.Join(t.TempDir(), "dist"), Cache: t.TempDir()}}
	for name, mode := range map[string]os.FileMode{
		"bin/ollama": 0o755, "ollama/LICENSE": 0o644, "llama.cpp/LICENSE": 0o644,
		"llama.cpp/vendor/cpp-httplib/LICENSE":                    0o644,
		"native/ollama-vendor-licenses/LLAMA_CPP_VENDORS_LICENSE": 0o644,
		"native/bin/llama-server":                                 0o755, "native/bin/libllama.so.0.5.0": 0o755,
		"native/bin/libggml-cpu.so":  0o755,
		"native/bin/llama-gguf-hash": 0o755, // not a target
	} {
		plugintest.Write(t, filepath.Join(b.Dir, name), name, mode)
	}
	for link, to := range map[string]string{"libllama.so.0": "libllama.so.0.5.0", "libllama.so": "libllama.so.0"} {
		if err := os.Symlink(to, filepath.Join(b.Dir, "native/bin", link)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// assembleOnce assembles, and returns how many files changed.
func assembleOnce(t *testing.T, b *Builder) int {
	t.Helper()
	b.files, b.result.FilesReplaced = nil, 0
	err := step.New(t.Output()).Do("assemble", func(st *step.Step) error { return b.assemble(t.Context(), st) })
	if err == nil {
		err = b.writeManifest()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.result.FilesReplaced
}

func TestAssemble(t *testing.T) {
	b := testBuild(t)
	lib := filepath.Join(b.Options.Prefix, "lib", "ollama")
	if n := assembleOnce(t, b); n != 10 {
		t.Errorf("%d files", n)
	}
	if to, err := os.Readlink(filepath.Join(lib, "libllama.so")); err != nil || to != "libllama.so.0" {
		t.Errorf("libllama.so: %q, %v", to, err)
	}
	if info, err := os.Stat(filepath.Join(lib, "llama-server")); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("llama-server: %v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(lib, "llama-gguf-hash")); err == nil {
		t.Error("a program that is not a target was installed")
	}
	if n := assembleOnce(t, b); n != 0 {
		t.Errorf("%d files changed the second time", n)
	}
}

func TestAssembleKeepsForeignFilesAndRemovesItsOwnOldOnes(t *testing.T) {
	b := testBuild(t)
	assembleOnce(t, b)
	lib := filepath.Join(b.Options.Prefix, "lib", "ollama")
	foreign := filepath.Join(lib, "libggml-flashhead.so")
	plugintest.Write(t, foreign, "", 0o644)
	// A newer llama.cpp: another version of the library.
	bin := filepath.Join(b.Dir, "native", "bin")
	if err := os.Rename(filepath.Join(bin, "libllama.so.0.5.0"), filepath.Join(bin, "libllama.so.0.6.0")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(bin, "libllama.so.0")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("libllama.so.0.6.0", filepath.Join(bin, "libllama.so.0")); err != nil {
		t.Fatal(err)
	}
	if n := assembleOnce(t, b); n != 3 {
		t.Errorf("%d files changed, want the new library, its link and the old library", n)
	}
	for name, want := range map[string]bool{foreign: true, filepath.Join(lib, "libllama.so.0.5.0"): false,
		filepath.Join(lib, "libllama.so"): true} {
		if _, err := os.Stat(name); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file that both kinds of build have goes when neither has it any more.
func TestBuildsShareAPrefix(t *testing.T) {
	from := filepath.Join(t.TempDir(), "program")
	plugintest.Write(t, from, "", 0o755)
	prefix, cache := t.TempDir(), t.TempDir()
	place := func(manifest string, files ...string) {
		t.Helper()
		b := &Builder{Options: Options{Prefix: prefix, Cache: cache}}
		var products []product
		for _, name := range files {
			products = append(products, product{to: name, from: from})
		}
		err := step.New(t.Output()).Do("assemble", func(st *step.Step) error {
			return b.place(t.Context(), st, products, manifest)
		})
		if err == nil {
			err = b.writeManifestFile(manifest, fileList{b.files})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		manifest string
		files    []string
		want     string
	}{
		{ollamaManifest, []string{"bin/fh-ollama", "bin/ollama"}, "fh-ollama ollama"},
		{pluginManifest, []string{"bin/fh-ollama", "bin/other"}, "fh-ollama ollama other"},
		{ollamaManifest, []string{"bin/ollama"}, "fh-ollama ollama other"}, // the plug-in still has it
		{pluginManifest, []string{"bin/other"}, "ollama other"},
		{pluginManifest, nil, "ollama"},
	} {
		place(step.manifest, step.files...)
		entries, err := os.ReadDir(filepath.Join(prefix, "bin"))
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if got := strings.Join(names, " "); got != step.want {
			t.Errorf("%s of %q leaves %q, want %q", step.manifest, step.files, got, step.want)
		}
	}
}

func TestLinkOutOfTheBuildIsRefused(t *testing.T) {
	b := testBuild(t)
	if err := os.Symlink("/etc/passwd", filepath.Join(b.Dir, "native/bin/libevil.so")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.products(); err == nil {
		t.Error("no error")
	}
}

// A build into a folder with a stock Ollama changes nothing.
func TestBuildReplacesNoOtherOllama(t *testing.T) {
	b := testBuild(t)
	stock := filepath.Join(b.Options.Prefix, "bin", "ollama")
	plugintest.Write(t, stock, "stock", 0o755)
	err := step.New(t.Output()).Do("assemble", func(st *step.Step) error { return b.assemble(t.Context(), st) })
	if err == nil || !strings.Contains(err.Error(), stock+" exists") || hint.Of(err) == "" {
		t.Errorf("the error is %v", err)
	}
	if got := plugintest.OnDisk(t, b.Options.Prefix); len(got) != 1 || got["bin/ollama"] != "stock" {
		t.Errorf("the folder holds %v", got)
	}
}

// A repeated build recognises the files of an interrupted one.
func TestInterruptedAssembleIsRepeated(t *testing.T) {
	b := testBuild(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := step.New(t.Output()).Do("assemble", func(st *step.Step) error { return b.assemble(ctx, st) }); err == nil {
		t.Fatal("it went on")
	}
	// as if the interruption had come after the first file
	plugintest.Write(t, filepath.Join(b.Options.Prefix, "bin", "ollama"), "half", 0o755)
	assembleOnce(t, b)
	if data, err := os.ReadFile(filepath.Join(b.Options.Prefix, "bin", "ollama")); err != nil ||
		string(data) != "bin/ollama" {
		t.Errorf("%q, %v", data, err)
	}
}
