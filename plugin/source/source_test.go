package source

import (
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
	pin := committedPins(t).Ollama
	src, err := fetchTestOllama(t, pin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(src.Dir, "llama", "server", "CMakeLists.txt")); err != nil ||
		src.Version != "0.34.2" {
		t.Errorf("%+v: %v", src, err)
	}
	pin.Sum = "h1:" + strings.Repeat("A", 43) + "="
	if _, err := fetchTestOllama(t, pin); err == nil || !strings.Contains(err.Error(), "is pinned") {
		t.Errorf("another sum: %v", err)
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

func committedPins(t *testing.T) Pins {
	t.Helper()
	pins, err := ParsePins(thirdparty.Pins)
	if err != nil {
		t.Fatal(err)
	}
	return pins
}
