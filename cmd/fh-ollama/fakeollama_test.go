package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/types/model"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
	"github.com/fh-ollama/fh-ollama/internal/mapfile/mapfiletest"
)

// fakeOllama is a server with a store of models on disk, as an Ollama has it, that runs none of them.
type fakeOllama struct {
	version string
	store   string // folder of models

	lock   sync.Mutex
	models map[string]*fakeModel
}

// fakeModel is what the server says of a model.
type fakeModel struct {
	show         api.ShowResponse
	loaded, busy bool
}

// fakes has the server of each script, by its folder.
var fakes sync.Map

// newFakeOllama returns a server with the folder of models store, which need not exist.
func newFakeOllama(version, store string) (*fakeOllama, error) {
	err := os.MkdirAll(filepath.Join(store, "blobs"), 0o755)
	return &fakeOllama{version: version, store: store, models: map[string]*fakeModel{}}, err
}

// serve is the script command `serve VERSION`: it starts a server with the folder of models $WORK/models, and points
// OLLAMA_HOST to it.
func serve(ts *testscript.TestScript, _ bool, args []string) {
	f, err := newFakeOllama(args[0], ts.MkAbs("models"))
	ts.Check(err)
	server := httptest.NewServer(f)
	ts.Defer(server.Close)
	ts.Setenv("OLLAMA_HOST", server.URL)
	fakes.Store(ts.Getenv("WORK"), f)
}

// scriptOllama returns the server that serve started.
func scriptOllama(ts *testscript.TestScript) *fakeOllama {
	f, ok := fakes.Load(ts.Getenv("WORK"))
	if !ok {
		ts.Fatalf("serve was not called")
	}
	return f.(*fakeOllama)
}

// addModel is the script command `model NAME cloud|mlx|FILE,... [draft=FILE]`: it puts the files into the store, or
// replaces the model, as `ollama pull` does.
func addModel(ts *testscript.TestScript, _ bool, args []string) {
	f, draft := scriptOllama(ts), ""
	if len(args) > 2 {
		draft = ts.MkAbs(strings.TrimPrefix(args[2], "draft="))
	}
	switch args[1] {
	case "cloud":
		f.set(args[0], &fakeModel{show: api.ShowResponse{RemoteHost: "https://ollama.com"}})
	case "mlx":
		f.set(args[0], &fakeModel{show: api.ShowResponse{Details: api.ModelDetails{Format: "safetensors"}}})
	default:
		files := strings.Split(args[1], ",")
		for i, file := range files {
			files[i] = ts.MkAbs(file)
		}
		ts.Check(f.add(args[0], files, draft))
	}
}

func (f *fakeOllama) set(name string, m *fakeModel) {
	f.lock.Lock()
	defer f.lock.Unlock()
	f.models[name] = m
}

// add puts a model of one or several files, and a draft model unless it is "", into the store.
func (f *fakeOllama) add(name string, files []string, draft string) error {
	m := &fakeModel{show: api.ShowResponse{Details: api.ModelDetails{Format: "gguf"}}}
	var layers []string
	for i, file := range files {
		digest, err := f.blob(file)
		if err != nil {
			return err
		}
		layers = append(layers, `{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:`+digest+`"}`)
		if i == 0 {
			m.show.Modelfile = "FROM " + f.path(digest) + "\n"
		}
	}
	if draft != "" {
		digest, err := f.blob(draft)
		if err != nil {
			return err
		}
		m.show.Modelfile += "DRAFT " + f.path(digest) + "\n"
	}
	n := model.ParseName(name)
	path := filepath.Join(f.store, "manifests", n.Host, n.Namespace, n.Model, n.Tag)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f.set(name, m)
	return os.WriteFile(path, fmt.Appendf(nil, `{"layers":[%s]}`, strings.Join(layers, ",")), 0o644)
}

// path returns the path of a blob.
func (f *fakeOllama) path(digest string) string {
	return filepath.Join(f.store, "blobs", "sha256-"+digest)
}

// blob copies a file into the store and returns its digest.
func (f *fakeOllama) blob(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	digest := hex.EncodeToString(sum[:])
	return digest, os.WriteFile(f.path(digest), data, 0o644)
}

// loadModel is the script command `load NAME [busy]`: the server has loaded the model, and may use it for ever.
func loadModel(ts *testscript.TestScript, _ bool, args []string) {
	f := scriptOllama(ts)
	f.lock.Lock()
	defer f.lock.Unlock()
	f.models[args[0]].loaded, f.models[args[0]].busy = true, len(args) > 1
}

// forgetModel is the script command `forget NAME`: it removes the model with its blobs, as `ollama rm` does.
func forgetModel(ts *testscript.TestScript, _ bool, args []string) {
	f := scriptOllama(ts)
	f.lock.Lock()
	defer f.lock.Unlock()
	for line := range strings.Lines(f.models[args[0]].show.Modelfile) {
		_, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		ts.Check(os.Remove(path))
	}
	delete(f.models, args[0])
}

// ServeHTTP answers the requests that fh-ollama makes.
func (f *fakeOllama) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.lock.Lock()
	defer f.lock.Unlock()
	var request struct {
		Model     string
		Prompt    string
		KeepAlive *api.Duration `json:"keep_alive"`
	}
	_ = json.NewDecoder(r.Body).Decode(&request) // questions have none
	m := f.models[request.Model]
	switch path := r.URL.Path; {
	case path == "/api/version":
		answer(w, map[string]string{"version": f.version})
	case path == "/api/tags":
		list := api.ListResponse{Models: []api.ListModelResponse{}}
		for name := range f.models {
			list.Models = append(list.Models, api.ListModelResponse{Name: name, Model: name})
		}
		answer(w, list)
	case path == "/api/ps":
		list := api.ProcessResponse{Models: []api.ProcessModelResponse{}}
		for name, m := range f.models {
			if m.loaded {
				list.Models = append(list.Models, api.ProcessModelResponse{Name: name, Model: name})
			}
		}
		answer(w, list)
	case m == nil:
		w.WriteHeader(http.StatusNotFound)
		answer(w, map[string]string{"error": "model '" + request.Model + "' not found"})
	case path == "/api/show":
		answer(w, m.show)
	case path == "/api/generate" && request.Prompt == "" && request.KeepAlive != nil && request.KeepAlive.Duration == 0:
		m.loaded = m.busy
		answer(w, api.GenerateResponse{Model: request.Model, Done: true, DoneReason: "unload"})
	default:
		w.WriteHeader(http.StatusInternalServerError) // this one runs no model
	}
}

func answer(w http.ResponseWriter, value any) { _ = json.NewEncoder(w).Encode(value) }

// filesOf returns the paths of a model's files: of two if path is called like the first of two.
func filesOf(path string) []string {
	if paths, err := gguf.PartPaths(path, 2); err == nil {
		return paths
	}
	return []string{path}
}

// writeModel is the script command `gguf FILE VOCABULARY BODY [ARCHITECTURE]`: it writes a model with a head of
// VOCABULARY rows of 32 columns and a matrix of BODY rows, which no runtime loads. FILE-00001-of-00002.gguf gets a
// second file, with the head.
func writeModel(ts *testscript.TestScript, _ bool, args []string) {
	vocabulary, err := strconv.Atoi(args[1])
	ts.Check(err)
	body, err := strconv.Atoi(args[2])
	ts.Check(err)
	m := gguftest.Model(vocabulary, 32)
	m.Tensors[2] = gguftest.T("blk.0.ffn_up.weight", gguftest.TypeF32, gguftest.Floats(32*body, 3), 32, uint64(body))
	if len(args) > 3 {
		m.KVs[0] = gguftest.V("general.architecture", args[3])
	}
	paths, parts := filesOf(ts.MkAbs(args[0])), []gguftest.File{m}
	if len(paths) > 1 {
		parts = m.Split()
	}
	for i, path := range paths {
		ts.Check(os.WriteFile(path, parts[i].Bytes(), 0o644))
	}
}

// writeMap is the script command `map MODEL.gguf [STORE]`: it writes a map of a model beside it, or the map of its blob
// in a store.
func writeMap(ts *testscript.TestScript, _ bool, args []string) {
	path, source := ts.MkAbs(args[0]), ""
	file := strings.TrimSuffix(path, ".gguf") + mapfile.Suffix
	if len(args) > 1 {
		var err error
		source, err = (&fakeOllama{store: ts.MkAbs(args[1])}).blob(path)
		ts.Check(err)
		file = filepath.Join(ts.MkAbs(args[1]), mapfile.StoreFolder, "sha256-"+source+".gguf")
	}
	ts.Check(mapfiletest.Make(file, source, filesOf(path)))
}
