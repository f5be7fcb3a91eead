package origin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

func TestFind(t *testing.T) {
	whole := gguftest.Write(t, "whole.gguf", gguftest.Model(64, 32).Bytes())
	find := func(files string) (Origin, error) {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			json.NewEncoder(w).Encode(api.ShowResponse{Details: api.ModelDetails{Format: "gguf"}, Modelfile: files})
		}))
		defer s.Close()
		host, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		return Find(context.Background(), ollama.At(host), "hf.co/a/b:c")
	}
	_, err := find("FROM " + whole + "\nADAPTER " + whole + "\n")
	if err == nil || !strings.Contains(err.Error(), "hf.co/a/b:c has a LoRA adapter") ||
		!strings.Contains(hint.Of(err), "merge the adapter") {
		t.Errorf("with an adapter: %v\n  %s", err, hint.Of(err))
	}
	found, err := find("FROM " + whole + "\nFROM " + whole + "\n")
	if err != nil || !found.Model || found.Weights() != whole || len(found.Modelfile.From) != 2 {
		t.Errorf("with a projector: %+v, %v", found, err)
	}
}

func TestExplain(t *testing.T) {
	err := fmt.Errorf("/blobs/sha256-00: %w", hint.Wrap(flashhead.ErrNotConverted, "convert /blobs/sha256-00"))
	model := Origin{Arg: "qwen3:0.6b", Model: true, Modelfile: &modelfile.Modelfile{From: []string{"/blobs/sha256-00"}}}
	if got := model.Explain(err); !strings.HasPrefix(got.Error(), "qwen3:0.6b: not converted") ||
		hint.Of(got) != "turn it on: fh-ollama on qwen3:0.6b" {
		t.Errorf("%v, %q", got, hint.Of(got))
	}
	if got := (Origin{Arg: "a.gguf"}).Explain(err); got != err {
		t.Errorf("of a file: %v", got)
	}
	damaged := hint.Wrap(fmt.Errorf("/blobs/sha256-00: damaged: %w", fs.ErrInvalid),
		"fh-ollama convert --force /blobs/sha256-00")
	if got := model.Explain(damaged); got.Error() != "qwen3:0.6b: damaged: invalid argument" ||
		hint.Of(got) != "fh-ollama convert --force qwen3:0.6b" || !errors.Is(got, fs.ErrInvalid) {
		t.Errorf("%v, %q", got, hint.Of(got))
	}
	if other := errors.New("x"); model.Explain(other) != other || model.Explain(nil) != nil {
		t.Error("another error is changed")
	}
}

func TestDefaultOutput(t *testing.T) {
	for arg, want := range map[string]string{
		"qwen3:0.6b":                      "qwen3-0.6b-flashhead.gguf",
		"qwen3":                           "qwen3-flashhead.gguf",
		"hf.co/someone/Model-GGUF:Q4_K_M": "Model-GGUF-Q4_K_M-flashhead.gguf",
		"hf.co/someone/M:m-Q4_K_M.gguf":   "M-m-Q4_K_M-flashhead.gguf",
		"localhost:5000/a/b":              "b-flashhead.gguf",
	} {
		if got := (Origin{Arg: arg, Model: true}).DefaultOutput(); got != want {
			t.Errorf("%s: %q, want %q", arg, got, want)
		}
	}
	if got := (Origin{Arg: "dir/model.gguf"}).DefaultOutput(); got != "" {
		t.Errorf("of a file: %q", got)
	}
}

func TestIsFile(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, path := range []string{"model", "qwen3:0.6b", filepath.Join("dir", "sub", "file")} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for from, want := range map[string]bool{
		"model": true, "qwen3:0.6b": true, "dir/sub/file": true, "./dir": true, "dir/sub": false,
		"none.gguf": true, "None.GGUF": true, "./none": true, "../none": true, "/none": true,
		"dir/none.gguf": true, ".": true, "..": true, "a b:c.gguf": true,
		"dir": false, "none": false, "qwen3:1.7b": false, "someone/model": false, "localhost:5000/someone/model:tag": false,
		"hf.co/someone/model-GGUF": false, "hf.co/someone/model-GGUF:Q4_K_M": false,
		"hf.co/someone/model-GGUF:model-Q4_K_M.gguf": false,
		"hf.co/someone/model.gguf":                   false, "huggingface.co/someone/model.gguf": false,
		"https://hf.co/someone/model.gguf":      false,
		"registry.ollama.ai/library/qwen3:1.7b": false,
	} {
		if got := IsFile(from); got != want {
			t.Errorf("IsFile(%q) = %v", from, got)
		}
	}
}
