package modelfile

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
)

// answering is a server whose /api/show has one answer; the cases here cannot be made by a real one on this machine.
func answering(t *testing.T, status int, answer any) ollama.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(s.Close)
	host, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return ollama.At(host)
}

func TestSourceErrors(t *testing.T) {
	gguf := api.ModelDetails{Format: "gguf"}
	for name, c := range map[string]struct {
		status     int
		answer     any
		cause, way string
	}{
		"unknown": {404, map[string]string{"error": "model not found"}, "neither a file nor a model", "ollama list"},
		"cloud": {200, api.ShowResponse{RemoteHost: "https://elsewhere", Details: gguf}, "runs in the cloud",
			"stored on this machine"},
		"safetensors": {200, api.ShowResponse{Details: api.ModelDetails{Format: "safetensors"}}, "not as GGUF", "GGUF file"},
		"no path":     {200, api.ShowResponse{Details: gguf}, "does not say where", "GGUF file"},
		"other host": {200, api.ShowResponse{Details: gguf, Modelfile: "FROM /nowhere/blobs/sha256-00\n"},
			"lie on the machine of", "GGUF file"},
		"server error": {500, map[string]string{"error": "database is locked"}, "database is locked", ""},
		"login": {401, map[string]string{}, "some:model is not a file, and whether it is a model is unknown: ",
			"OLLAMA_HOST"},
	} {
		_, err := Source(context.Background(), answering(t, c.status, c.answer), "some:model")
		if err == nil || !strings.Contains(err.Error(), c.cause) || !strings.Contains(hint.Of(err), c.way) {
			t.Errorf("%s: %v, %q", name, err, hint.Of(err))
		}
	}
}

// A server may name any file of this machine as a model's; what is no GGUF is not taken, for it would be sent back.
func TestOtherFiles(t *testing.T) {
	dir := t.TempDir()
	weights, secret := filepath.Join(dir, "weights"), filepath.Join(dir, "id_ed25519")
	if err := errors.Join(os.WriteFile(weights, []byte("GGUF and so on"), 0o600),
		os.WriteFile(secret, []byte("-----BEGIN"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"FROM " + secret + "\n", "FROM " + weights + "\nFROM " + secret + "\n"} {
		show := api.ShowResponse{Details: api.ModelDetails{Format: "gguf"}, Modelfile: text}
		if _, err := Source(context.Background(), answering(t, 200, show), "m"); err == nil ||
			!strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// The stored manifest decides whether a model has a template of its own.
func TestOwnTemplate(t *testing.T) {
	models := t.TempDir()
	sum := func(letter string) string { return strings.Repeat(letter, 64) }
	blob := filepath.Join(models, "blobs", "sha256-"+sum("a"))
	write := func(path, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write(blob, "GGUF and so on")
	write(filepath.Join(models, "blobs", "sha256-"+sum("b")), "{{ .Prompt }}")
	write(filepath.Join(models, "secret"), "of another kind")
	manifests := filepath.Join(models, "manifests", "registry.ollama.ai", "library", "m")
	write(filepath.Join(manifests, "with"),
		`{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:`+sum("a")+`"},
		{"mediaType":"application/vnd.ollama.image.template","digest":"sha256:`+sum("b")+`"}]}`)
	write(filepath.Join(manifests, "without"),
		`{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:`+sum("a")+`"}]}`)
	write(filepath.Join(manifests, "leads-out"),
		`{"layers":[{"mediaType":"application/vnd.ollama.image.template","digest":"sha256:/../../secret"},
		{"mediaType":"application/vnd.ollama.image.template","digest":"../secret"}]}`)

	for name, c := range map[string]struct{ shown, want string }{
		"m:with":            {"{{ .Prompt }}", "{{ .Prompt }}"},
		"M:WITH":            {"{{ .Prompt }}", "{{ .Prompt }}"}, // to Ollama the same name
		"m:without":         {"{{ .Prompt }}", ""},
		"m:leads-out":       {"{{ .Prompt }}", ""},
		"m:no-manifest":     {"{{ .Prompt }}", ""},
		"m:other-manifest":  {"{{ .System }} {{ .Prompt }}", "{{ .System }} {{ .Prompt }}"},
		"m:in-the-file-too": {"{% for message in messages %}", ""},
	} {
		show := api.ShowResponse{
			Details: api.ModelDetails{Format: "gguf"}, Modelfile: "FROM " + blob + "\nTEMPLATE " + c.shown +
				"\n", Template: c.shown,
		}
		m, err := Source(context.Background(), answering(t, 200, show), name)
		if err != nil || m.Template != c.want {
			t.Errorf("%s: %q, %v; want %q", name, m.Template, err, c.want)
		}
	}
}

// Models in the cloud are known by their names: a server asks for a login before it says more.
func TestCloud(t *testing.T) {
	for _, name := range []string{"qwen3:cloud", "qwen3:480b-cloud", "qwen3:480b-Cloud"} {
		if _, err := Source(context.Background(), answering(t, 401, nil), name); err == nil ||
			!strings.Contains(err.Error(), "runs in the cloud") {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Source(ctx, answering(t, 200, nil), "m"); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
