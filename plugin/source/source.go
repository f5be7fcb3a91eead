// Package source fetches, checks and unpacks the sources that a build uses. Pins name them, to the bit.
package source

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
	"runtime"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// Folder is a folder of sources that a build copies and never changes.
type Folder struct {
	Dir     string
	Version string                           // for people
	Skip    func(name string, dir bool) bool // what is not source, or nil
}

// Own is a user's checkout; it must contain the file marker.
func Own(ctx context.Context, git, dir, marker string) (Folder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Folder{}, err
	}
	if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(marker))); err != nil {
		return Folder{}, hint.Wrap(fmt.Errorf("%s holds no %s", dir, marker), "give the top folder of a checkout")
	}
	version := "0.0.0" // as Ollama calls a build without a version
	describe := exec.CommandContext(ctx, git, "-C", dir, "describe", "--tags", "--always", "--dirty")
	describe.Env = GitEnvironment(dir)
	if out, err := describe.Output(); err == nil {
		version = strings.TrimSpace(string(out))
	}
	return Folder{dir, version, checkoutSkips}, nil
}

// FetchOllama returns the pinned module from Go's module cache, downloading it if it is not there.
// The sum is computed over the unpacked files each time, so a damaged cache is found.
func FetchOllama(ctx context.Context, st *step.Step, goTool string, pin OllamaPin, dir, log string) (Folder, error) {
	st.Note("%s %s", pin.Module, pin.Version)
	var out bytes.Buffer
	err := step.Command{
		Path: goTool, Args: []string{"mod", "download", "-json", pin.Module + "@" + pin.Version},
		Dir: dir, Env: GoEnvironment(), Log: log, Stdout: &out,
	}.Run(ctx)
	var got struct{ Dir, Sum, Error string }
	if jsonErr := json.Unmarshal(out.Bytes(), &got); jsonErr == nil && got.Error != "" {
		return Folder{}, hint.Wrap(errors.New(got.Error),
			"check the network and GOPROXY, or give your own checkout with --ollama-source DIR")
	}
	if err != nil {
		return Folder{}, err
	}
	if got.Sum != pin.Sum {
		return Folder{}, wrongSum(pin.Module, got.Sum, pin.Sum)
	}
	sum, err := dirhash.HashDir(got.Dir, pin.Module+"@"+pin.Version, dirhash.Hash1)
	if err != nil {
		return Folder{}, err
	}
	if sum != pin.Sum {
		return Folder{}, hint.Wrap(wrongSum(got.Dir, sum, pin.Sum), "files in Go's module cache were changed; run go clean -modcache")
	}
	return Folder{got.Dir, strings.TrimPrefix(pin.Version, "v"), nil}, nil
}

func wrongSum(what, got, want string) error {
	return fmt.Errorf("%s has the sum %s, but %s is pinned", what, got, want)
}

// FetchLlamaCpp returns the pinned tree from the cache folder, unpacking and downloading what is not there yet.
// The network is used only when neither the tree nor the archive is in the cache. The tree's sum, which was recorded when the
// checked archive was unpacked, is computed anew each time: a tree that was changed, or half written, is unpacked again.
func FetchLlamaCpp(ctx context.Context, st *step.Step, pin LlamaCppPin, cache string) (Folder, error) {
	st.Note("%s in %s %s", pin.Commit, pin.Package, pin.Version)
	found := Folder{
		Dir:     filepath.Join(cache, "src", "llama.cpp-"+pin.SHA256[:16]),
		Version: pin.Commit,
	}
	unlock, err := LockFetching(cache)
	if err != nil {
		return Folder{}, err
	}
	defer unlock()
	if err := RemoveLeftovers(filepath.Join(cache, "src"), unpackPrefix); err != nil {
		return Folder{}, err
	}
	unsound := checkUnpacked(found.Dir)
	if unsound == "" {
		return found, nil
	}
	archive := filepath.Join(cache, "downloads", pin.File)
	if _, err := os.Stat(archive); errors.Is(err, fs.ErrNotExist) {
		if err := FetchArchive(ctx, st, pin, archive); err != nil {
			return Folder{}, err
		}
	}
	if err := checkSHA256(archive, pin.SHA256); err != nil {
		return Folder{}, err
	}
	st.Note("%s in %s %s, unpacked: %s", pin.Commit, pin.Package, pin.Version, unsound)
	if err := unpack(ctx, archive, pin.Subdir, found.Dir); err != nil {
		return Folder{}, err
	}
	return found, recordUnpacked(found.Dir)
}

// LockFetching lets one process at a time change downloads and sources in the cache.
func LockFetching(cache string) (unlock func(), err error) {
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
	return os.WriteFile(sumOf(dir), []byte(sum), 0o644) // half of a sum is another: the tree is unpacked again
}

// RemoveLeftovers removes what killed runs left in dir under names that begin so. The caller holds the lock that their owners held.
func RemoveLeftovers(dir, prefix string) (err error) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// checkoutSkips leaves out of a user's own checkout what is not source: version control and build folders.
func checkoutSkips(name string, dir bool) bool {
	if name == ".git" { // a folder, or the file of a worktree or submodule
		return true
	}
	return dir && !strings.Contains(name, "/") && (name == "build" || strings.HasPrefix(name, "build-"))
}

// GitEnvironment is an environment in which git looks for a repository in dir alone, and for no settings of the user's.
func GitEnvironment(dir string) []string {
	return process.Environment("GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
}

// GoEnvironment are settings for Go that win over the user's own (go env -w): an empty one would not.
func GoEnvironment() []string {
	return []string{"GOWORK=off", "GOFLAGS=-buildvcs=false", "GOOS=" + runtime.GOOS, "GOARCH=" + runtime.GOARCH}
}
