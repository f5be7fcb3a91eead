package plugin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// source is a folder of sources that a build copies and never changes.
type source struct {
	dir     string
	version string                           // for people
	skip    func(name string, dir bool) bool // what is not source, or nil
}

// ownSource is a user's checkout; it must contain the file marker.
func ownSource(ctx context.Context, git, dir, marker string) (source, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return source{}, err
	}
	if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(marker))); err != nil {
		return source{}, hint.Wrap(fmt.Errorf("%s holds no %s", dir, marker), "give the top folder of a checkout")
	}
	version := "0.0.0" // as Ollama calls a build without a version
	describe := exec.CommandContext(ctx, git, "-C", dir, "describe", "--tags", "--always", "--dirty")
	describe.Env = gitEnv(dir)
	if out, err := describe.Output(); err == nil {
		version = strings.TrimSpace(string(out))
	}
	return source{dir, version, checkoutSkips}, nil
}

// fetchOllama returns the pinned module from Go's module cache, downloading it if it is not there.
// The sum is computed over the unpacked files each time, so a damaged cache is found.
func fetchOllama(ctx context.Context, st *Step, goTool string, pin OllamaPin, dir, log string) (source, error) {
	st.Note("%s %s", pin.Module, pin.Version)
	var out bytes.Buffer
	err := command{
		path: goTool, args: []string{"mod", "download", "-json", pin.Module + "@" + pin.Version},
		dir: dir, env: goEnv(), log: log, stdout: &out,
	}.run(ctx)
	var got struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out.Bytes(), &got); jsonErr == nil && got.Error != "" {
		return source{}, hint.Wrap(errors.New(got.Error),
			"check the network and GOPROXY, or give your own checkout with --ollama-source DIR")
	}
	if err != nil {
		return source{}, err
	}
	if got.Sum != pin.Sum {
		return source{}, wrongSum(pin.Module, got.Sum, pin.Sum)
	}
	sum, err := dirhash.HashDir(got.Dir, pin.Module+"@"+pin.Version, dirhash.Hash1)
	if err != nil {
		return source{}, err
	}
	if sum != pin.Sum {
		return source{}, hint.Wrap(wrongSum(got.Dir, sum, pin.Sum), "files in Go's module cache were changed; run go clean -modcache")
	}
	return source{got.Dir, strings.TrimPrefix(pin.Version, "v"), nil}, nil
}

func wrongSum(what, got, want string) error {
	return fmt.Errorf("%s has the sum %s, but %s is pinned", what, got, want)
}

// fetchLlamaCpp returns the pinned tree from the cache folder, unpacking and downloading what is not there yet.
// The network is used only when neither the tree nor the archive is in the cache. The tree's sum, which was recorded when the
// checked archive was unpacked, is computed anew each time: a tree that was changed, or half written, is unpacked again.
func fetchLlamaCpp(ctx context.Context, st *Step, pin LlamaCppPin, cache string) (source, error) {
	st.Note("%s in %s %s", pin.Commit, pin.Package, pin.Version)
	found := source{
		dir:     filepath.Join(cache, "src", "llama.cpp-"+pin.SHA256[:16]),
		version: pin.Commit,
	}
	unlock, err := lockFetching(cache)
	if err != nil {
		return source{}, err
	}
	defer unlock()
	if err := removeLeftovers(filepath.Join(cache, "src"), unpackPrefix); err != nil {
		return source{}, err
	}
	unsound := checkUnpacked(found.dir)
	if unsound == "" {
		return found, nil
	}
	archive := filepath.Join(cache, "downloads", pin.File)
	if _, err := os.Stat(archive); errors.Is(err, fs.ErrNotExist) {
		if err := fetchArchive(ctx, st, pin, archive); err != nil {
			return source{}, err
		}
	}
	if err := checkSHA256(archive, pin.SHA256); err != nil {
		return source{}, err
	}
	st.Note("%s in %s %s, unpacked: %s", pin.Commit, pin.Package, pin.Version, unsound)
	if err := unpack(ctx, archive, pin.Subdir, found.dir); err != nil {
		return source{}, err
	}
	return found, recordUnpacked(found.dir)
}

// lockFetching lets one process at a time change downloads and sources in the cache.
func lockFetching(cache string) (unlock func(), err error) {
	return lockedfile.MutexAt(filepath.Join(cache, "fetch.lock")).Lock()
}

// sumOf is the file with the sum of an unpacked tree, beside it.
func sumOf(dir string) string { return dir + ".sum" }

// checkUnpacked says why the tree at dir has to be unpacked, "" if it is as it was.
func checkUnpacked(dir string) string {
	if _, err := os.Lstat(dir); err != nil {
		return "it was not there"
	}
	want, err := os.ReadFile(sumOf(dir))
	if err != nil {
		return "its sum was not there"
	}
	if got, err := dirhash.HashDir(dir, "", dirhash.Hash1); err != nil || got != string(want) {
		return "files were changed"
	}
	return ""
}

func recordUnpacked(dir string) error {
	sum, err := dirhash.HashDir(dir, "", dirhash.Hash1)
	if err != nil {
		return err
	}
	return replace(sumOf(dir), []byte(sum), 0o644)
}

// removeLeftovers removes what killed runs left in dir under names that begin so. The caller holds the lock that their owners held.
func removeLeftovers(dir, prefix string) (err error) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
