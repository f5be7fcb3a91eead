package integration

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

// createAt runs `fh-ollama create` against the server at host, in o's environment, and returns its output.
func createAt(t *testing.T, o *harness.Ollama, host string, args ...string) (string, error) {
	t.Helper()
	cmd := o.Command(timeout(t), o.Prefix.Bin("fh-ollama"), append([]string{"create"}, args...)...)
	cmd.Env = append(cmd.Env, "OLLAMA_HOST="+host)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// between starts a proxy for o and returns its address. intercept decides which requests pass.
func between(t *testing.T, o *harness.Ollama, intercept func(w http.ResponseWriter,
	r *http.Request) (pass bool)) string {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: o.Host})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if intercept(w, r) {
			proxy.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// After a failed registration the same command continues with the file that it kept. Another conversion does not use
// that file.
func TestCreateKeepAgain(t *testing.T) {
	testlevel.Long(t)
	o := serve(t, patched(t))
	failing := between(t, o, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/api/create" {
			http.Error(w, `{"error":"no"}`, http.StatusInternalServerError)
			return false
		}
		return true
	})
	kept := filepath.Join(t.TempDir(), "kept.gguf")
	args := []string{"kept", "--from", trainedModel, "--keep", kept, "--iterations", "2", "--plain"}
	out, err := createAt(t, o, failing, args...)
	if err == nil {
		t.Fatalf("registered:\n%s", out)
	}
	first := digest(t, kept)
	before, _ := os.Stat(kept)

	if out, err := createAt(t, o, o.Host, append(args, "--seed", "9")...); err == nil ||
		!strings.HasSuffix(out, "kept.gguf exists already\n  choose another output with --keep, or give --force to "+
			"replace it\n") {
		t.Errorf("another conversion: %v\n%s", err, out)
	}
	if out, err = createAt(t, o, o.Host, args...); err != nil ||
		!strings.Contains(out, "the conversion is there already, as "+kept) {
		t.Fatalf("again: %v\n%s", err, out)
	}
	after, err := os.Stat(kept)
	if err != nil || !os.SameFile(before, after) || digest(t, kept) != first {
		t.Errorf("the kept file was written again: %v", err)
	}
	if text, err := os.ReadFile(kept + ".Modelfile"); err != nil || string(text) != "FROM ./kept.gguf\n" {
		t.Errorf("the Modelfile is %q: %v", text, err)
	}
	if !hasMap(t, o, "kept") {
		t.Error("the model has no cluster map")
	}
	if out, err := createAt(t, o, o.Host, "other", "--from", trainedModel, "--keep", kept, "--iterations", "2",
		"--force", "--plain"); err != nil {
		t.Errorf("--force: %v\n%s", err, out)
	}
}

// A file or a Modelfile in the way is an error before any work, and stays.
func TestCreateKeepInTheWay(t *testing.T) {
	o := serve(t, patched(t))
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept.gguf")
	for name, from := range map[string][]string{
		"kept.gguf.Modelfile": {"--from", trainedModel, "--iterations", "1", "--plain"},
		"kept.gguf":           {"--from", converted(t)},
	} {
		inTheWay := filepath.Join(dir, name)
		if err := os.WriteFile(inTheWay, []byte("the user's"), 0o600); err != nil {
			t.Fatal(err)
		}
		args := append([]string{name, "--keep", kept}, from...)
		out, err := create(t, o, args...)
		if err == nil || !strings.Contains(err.Error(), name+" exists already\n  choose another file with --keep") ||
			strings.Contains(err.Error(), "clustered") {
			t.Errorf("it ended with %v\n%s", err, out)
		}
		if exists, err := modelfile.Exists(timeout(t), o.Client, name); err != nil || exists {
			t.Errorf("a model was registered: %v, %v", exists, err)
		}
		if text, _ := os.ReadFile(inTheWay); string(text) != "the user's" {
			t.Errorf("the file in the way is %q", text)
		}
		if entries, _ := os.ReadDir(dir); len(entries) != 1 {
			t.Errorf("in the folder are %v", entries)
		}
		if out, err := create(t, o, append(args, "--force")...); err != nil {
			t.Errorf("--force: %v\n%s", err, out)
		}
		if info, err := os.Stat(kept + ".Modelfile"); err != nil || name != "kept.gguf" && info.Mode().Perm() != 0o600 {
			t.Errorf("the Modelfile lost its mode: %v, %v", info, err)
		}
		if err := errors.Join(os.Remove(kept), os.Remove(kept+".Modelfile")); err != nil {
			t.Error(err)
		}
	}
}

// A model that gets the name during the conversion is not replaced.
func TestCreateNameTakenMeanwhile(t *testing.T) {
	testlevel.Long(t)
	o := serve(t, patched(t))
	asked := 0
	host := between(t, o, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/api/blobs/") { // as soon as the file is sent
			m := &modelfile.Modelfile{From: []string{trainedModel}, System: "the user's"}
			if err := modelfile.Register(timeout(t), o.Client, "taken", m, nil); err != nil {
				t.Error(err)
			}
		}
		if r.URL.Path == "/api/create" {
			asked++
		}
		return true
	})
	args := []string{"taken", "--from", trainedModel, "--iterations", "1", "--seed", "77", "--plain"}
	out, err := createAt(t, o, host, args...)
	if err == nil || !strings.HasSuffix(out, "fh-ollama: the model taken appeared meanwhile and was left as it is\n  "+
		"give another name, or --force to replace it\n") {
		t.Errorf("it ended with %v and said\n%s", err, out)
	}
	if show(t, o, "taken").System != "the user's" || hasMap(t, o, "taken") || asked != 0 {
		t.Errorf("the user's model was replaced, by %d requests", asked)
	}
	if out, err := createAt(t, o, o.Host, append(args, "--force")...); err != nil || !hasMap(t, o, "taken") {
		t.Errorf("--force: %v\n%s", err, out)
	}
}
