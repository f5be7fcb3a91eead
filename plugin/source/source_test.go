package source

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

// fetchTestOllama needs no network: this repository imports a part of the module, so Go has it in its cache.
func fetchTestOllama(t *testing.T, pin OllamaPin) (src Folder, _ error) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	err = step.New(t.Output()).Do("fetch", func(st *step.Step) (err error) {
		src, err = FetchOllama(t.Context(), st, goTool, pin, dir, filepath.Join(dir, "log"))
		return err
	})
	return src, err
}

func TestFetchOllama(t *testing.T) {
	src, err := fetchTestOllama(t, committedPins(t).Ollama)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(src.Dir, "llama", "server", "CMakeLists.txt")); err != nil ||
		src.Version != "0.34.2" {
		t.Errorf("%+v: %v", src, err)
	}
}

func TestFetchOllamaRefusesAnotherSum(t *testing.T) {
	pin := committedPins(t).Ollama
	pin.Sum = "h1:" + strings.Repeat("A", 43) + "="
	if _, err := fetchTestOllama(t, pin); err == nil || !strings.Contains(err.Error(), "is pinned") {
		t.Errorf("error %v", err)
	}
}

func TestFetchOllamaOfflineSaysWhatToDo(t *testing.T) {
	t.Setenv("GOPROXY", "off")
	pin := committedPins(t).Ollama
	pin.Version = "v0.0.1"
	_, err := fetchTestOllama(t, pin)
	if err == nil || !strings.Contains(hint.Of(err), "--ollama-source") {
		t.Errorf("error %v, hint %q", err, hint.Of(err))
	}
}

func TestFetchLlamaCppChecksTheArchiveInTheCache(t *testing.T) {
	cache := t.TempDir()
	pin := committedPins(t).LlamaCpp
	archive := filepath.Join(cache, "downloads", pin.File)
	write(t, archive, "tampered")
	err := step.New(t.Output()).Do("fetch", func(st *step.Step) error {
		_, err := FetchLlamaCpp(t.Context(), st, pin, cache)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), pin.SHA256) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(cache, "src")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something was unpacked: %v", err)
	}
}

// Takes a minute and the network, so it runs on demand only.
func TestDownloadLlamaCpp(t *testing.T) {
	if os.Getenv("FH_OLLAMA_TEST_DOWNLOAD") == "" {
		t.Skip("set FH_OLLAMA_TEST_DOWNLOAD=1 to download llama.cpp")
	}
	cache := t.TempDir()
	err := step.New(t.Output()).Do("fetch", func(st *step.Step) error {
		src, err := FetchLlamaCpp(t.Context(), st, committedPins(t).LlamaCpp, cache)
		if err == nil {
			_, err = os.Stat(filepath.Join(src.Dir, "src", "llama-model.cpp"))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func committedPins(t *testing.T) Pins {
	t.Helper()
	pins, err := ParsePins(thirdparty.Pins)
	if err != nil {
		t.Fatal(err)
	}
	return pins
}

// onDisk returns the files of a folder by slash-separated path.
func onDisk(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
