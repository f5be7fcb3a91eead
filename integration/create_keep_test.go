package integration

import (
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

	for _, other := range [][]string{{"--seed", "9"}, {"--iterations", "1"}, {"--probes", "9"}, {"--cluster-size", "32"},
		{"--centroid-type", "f16"}} {
		if out, err := createAt(t, o, o.Host, append(args, other...)...); err == nil ||
			!strings.HasSuffix(out, "kept.gguf exists already\n  choose another output with --keep, or give --force to "+
				"replace it\n") {
			t.Errorf("%q: %v\n%s", other, err, out)
		}
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

// A converted file is kept as a copy, with a Modelfile that names it.
func TestCreateKeepConverted(t *testing.T) {
	o := serve(t, patched(t))
	kept := filepath.Join(t.TempDir(), "kept.gguf")
	for _, name := range []string{"first", "second"} { // both files exist for the second
		if out, err := create(t, o, name, "--from", converted(t), "--keep", kept); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if digest(t, kept) != digest(t, converted(t)) {
			t.Error("the copy is another file")
		}
	}
	cmd := o.Command(timeout(t), o.Prefix.Bin("ollama"), "create", "by-modelfile", "-f", filepath.Base(kept)+".Modelfile")
	cmd.Dir = filepath.Dir(kept)
	if out, err := cmd.CombinedOutput(); err != nil || !hasMap(t, o, "by-modelfile") {
		t.Errorf("ollama create with the Modelfile: %v\n%s", err, out)
	}
	// a file in the way of the copy stays
	other := filepath.Join(t.TempDir(), "other.gguf")
	if err := os.WriteFile(other, []byte("the user's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := create(t, o, "third", "--from", converted(t), "--keep", other); err == nil ||
		!strings.Contains(err.Error(), "other.gguf exists already\n  choose another file with --keep") {
		t.Errorf("a file in the way: %v", err)
	}
	if text, _ := os.ReadFile(other); string(text) != "the user's" {
		t.Errorf("the file in the way is %q", text)
	}
	if _, err := os.Stat(other + ".Modelfile"); err == nil {
		t.Error("there is a Modelfile for it")
	}
}

// A Modelfile in the way is an error before any work.
func TestCreateKeepModelfileInTheWay(t *testing.T) {
	o := serve(t, patched(t))
	dir := t.TempDir()
	kept := filepath.Join(dir, "kept.gguf")
	if err := os.WriteFile(kept+".Modelfile", []byte("FROM elsewhere\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := create(t, o, "never", "--from", trainedModel, "--keep", kept, "--plain")
	if err == nil || !strings.Contains(err.Error(),
		"kept.gguf.Modelfile exists already\n  choose another file with --keep, or give --force to replace it") ||
		strings.Contains(err.Error(), "clustered") {
		t.Errorf("it ended with %v", err)
	}
	if exists, err := modelfile.Exists(timeout(t), o.Client, "never"); err != nil || exists {
		t.Errorf("a model was registered: %v, %v", exists, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("in the folder are %v", entries)
	}
	if out, err := create(t, o, "forced", "--from", trainedModel, "--keep", kept, "--iterations", "1", "--plain",
		"--force"); err != nil {
		t.Errorf("--force: %v\n%s", err, out)
	}
	if info, err := os.Stat(kept + ".Modelfile"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the Modelfile lost its mode: %v, %v", info.Mode(), err)
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
