package integration

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
)

// TestRegistry pushes a model with a map to a registry, removes it, and pulls it and a new version. Its server removes
// blobs that it does not know when it starts and after a pull, as users' servers do.
func TestRegistry(t *testing.T) { onHosts(t, registryStory) }

func registryStory(t *testing.T, h host) {
	r := startRegistry(t)
	dir := t.TempDir()
	o := serveIn(t, h, dir, "OLLAMA_NOPRUNE=0")
	name := r.model("story")
	folder := filepath.Join(dir, "models", mapfile.StoreFolder)
	maps := func() []string { return files(t, folder) }

	// Push it without a map. A registry is not sent blobs that it has, so this is another one.
	plain := startRegistry(t)
	register(t, o, plain.model("story"), trainedModel)
	push(t, o, plain.model("story"))
	if err := o.Client.Copy(timeout(t), &api.CopyRequest{Source: plain.model("story"), Destination: name}); err != nil {
		t.Fatal(err)
	}
	remove(t, o, plain.model("story"))
	dense := said(t, o, name)

	// The map is not pushed, and is used afterwards.
	mapCommand(t, o, append([]string{"on", name, "--yes"}, mapFlags...)...)
	fast, placed := said(t, o, name), maps()
	if len(placed) != 1 {
		t.Fatalf("the maps are %q", placed)
	}
	if reflect.DeepEqual(dense, fast) {
		t.Fatal("FlashHead changes nothing here: the comparison says little")
	}
	push(t, o, name)
	version := r.manifest(t, "story")
	if want := plain.manifest(t, "story"); !bytes.Equal(version, want) {
		t.Errorf("the manifest of a model with a map is\n%s\nthat without\n%s", version, want)
	}
	if got, want := files(t, r.blobs), files(t, plain.blobs); !slices.Equal(got, want) {
		t.Errorf("of a model with a map the registry has\n%q\nwithout\n%q", got, want)
	}
	for _, blob := range files(t, r.blobs) {
		if mapfile.Is(filepath.Join(r.blobs, blob)) || blob == digest(t, filepath.Join(folder, placed[0])) {
			t.Errorf("the registry has a map, %s", blob)
		}
		if !strings.Contains(string(version), blob) {
			t.Errorf("the manifest does not name %s:\n%s", blob, version)
		}
	}
	o.Stop()
	o = serveIn(t, h, dir, "OLLAMA_NOPRUNE=0")
	if got := said(t, o, name); !reflect.DeepEqual(got, fast) {
		t.Errorf("after a push and a new start the model answers %q, before it %q", got[0].Response, fast[0].Response)
	}

	// rm leaves the map. The same version, pulled again, uses it.
	unload(t, o, name) // a loaded model would answer without being loaded again
	remove(t, o, name)
	blob := strings.TrimSuffix(placed[0], ".gguf")
	if _, err := os.Stat(filepath.Join(filepath.Dir(folder), "blobs", blob)); !os.IsNotExist(err) {
		t.Fatalf("the model is there after ollama rm: %v", err)
	}
	unused := "\nunused     " + filepath.Join(folder, placed[0]) + ": its model is gone"
	if list := mapCommand(t, o, "list"); !strings.Contains(list, unused) {
		t.Errorf("after ollama rm list says\n%s", list)
	}
	loaded := len(o.Log())
	pull(t, o, name)
	if got := said(t, o, name); !reflect.DeepEqual(got, fast) {
		t.Errorf("pulled again the model answers %q, before that %q", got[0].Response, fast[0].Response)
	}
	if text := o.Log()[loaded:]; !strings.Contains(text, "flash_head: active") {
		t.Error("FlashHead is not active in the model that was pulled again")
	}
	if list := mapCommand(t, o, "list"); !lineWith(list, name, " on ", " yes") || strings.Contains(list, "\nunused ") {
		t.Errorf("after ollama pull list says\n%s", list)
	}
	if got := maps(); !slices.Equal(got, placed) {
		t.Errorf("the maps are %q, before %q", got, placed)
	}

	// A new version runs dense, and the old map is unused.
	quantized := filepath.Join(t.TempDir(), "quantized.gguf")
	quantize(t, h, trainedModel, quantized, "Q4_0")
	publisher := serve(t, h)
	register(t, publisher, name, quantized)
	push(t, publisher, name)
	want := said(t, publisher, name)
	publisher.Stop()
	if bytes.Equal(r.manifest(t, "story"), version) {
		t.Fatal("the new version is the old one")
	}
	loaded = len(o.Log())
	pull(t, o, name)
	if got := said(t, o, name); !reflect.DeepEqual(got, want) {
		t.Errorf("the new version answers %q, dense %q", got[0].Response, want[0].Response)
	}
	if text := o.Log()[loaded:]; strings.Contains(text, "flash_head: active") {
		t.Error("FlashHead is active in the new version")
	}
	if list := mapCommand(t, o, "list"); !lineWith(list, name, " off ", " no") || !strings.Contains(list, unused) {
		t.Errorf("after ollama pull of a new version list says\n%s", list)
	}
	mapCommand(t, o, "off", "--unused")
	if left := maps(); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}

// modelRegistry is a registry of models on this machine.
type modelRegistry struct {
	host  string // HOST:PORT
	blobs string // the folder of what was pushed, by digest
}

// startRegistry runs an empty registry for one test.
func startRegistry(t *testing.T) *modelRegistry {
	t.Helper()
	dir := t.TempDir()
	handler := registry.New(registry.WithBlobHandler(registry.NewDiskBlobHandler(dir)),
		registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		absolute := url.URL{Scheme: "http", Host: request.Host, Path: request.URL.Path}
		handler.ServeHTTP(located{w, &absolute}, request)
	}))
	t.Cleanup(server.Close)
	return &modelRegistry{server.Listener.Addr().String(), filepath.Join(dir, "sha256")}
}

// located gives every response an absolute Location. Ollama takes no relative one for the next part of an upload, and
// fails to pull a blob that comes without any (https://github.com/ollama/ollama/issues/7244).
type located struct {
	http.ResponseWriter
	request *url.URL
}

// WriteHeader implements http.ResponseWriter.
func (l located) WriteHeader(status int) {
	location, err := l.request.Parse(l.Header().Get("Location")) // the request's own if there is none
	if err == nil {
		l.Header().Set("Location", location.String())
	}
	l.ResponseWriter.WriteHeader(status)
}

// model returns the name by which Ollama pushes a model to this registry.
func (r *modelRegistry) model(name string) string { return r.host + "/test/" + name + ":latest" }

// manifest returns the manifest of a model that was pushed.
func (r *modelRegistry) manifest(t *testing.T, name string) []byte {
	t.Helper()
	response, err := http.Get("http://" + r.host + "/v2/test/" + name + "/manifests/latest")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("manifest of %s: %s, %v\n%s", name, response.Status, err, text)
	}
	return text
}

// push is `ollama push`.
func push(t *testing.T, o *harness.Ollama, name string) {
	t.Helper()
	if out, err := o.Run(timeout(t), o.Prefix.Bin("ollama"), "push", "--insecure", name); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// pull is `ollama pull`.
func pull(t *testing.T, o *harness.Ollama, name string) {
	t.Helper()
	if out, err := o.Run(timeout(t), o.Prefix.Bin("ollama"), "pull", "--insecure", name); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// remove is `ollama rm`.
func remove(t *testing.T, o *harness.Ollama, name string) {
	t.Helper()
	if err := o.Client.Delete(timeout(t), &api.DeleteRequest{Model: name}); err != nil {
		t.Fatalf("rm %s: %v", name, err)
	}
}

// files returns the names of the files in a folder.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
