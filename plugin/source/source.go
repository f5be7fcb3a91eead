// Package source fetches, verifies and unpacks the sources of a build, which pins name by their hashes.
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

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// Folder is a folder of sources. A build copies it and never changes it.
type Folder struct {
	Dir     string
	Version string                           // for display
	Skip    func(name string, dir bool) bool // leaves out what is not source; nil keeps all
}

// Own returns a user's checkout, which must contain the file marker.
func Own(ctx context.Context, git, dir, marker string) (Folder, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Folder{}, err
	}
	if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(marker))); err != nil {
		return Folder{}, hint.Wrap(fmt.Errorf("%s contains no %s", dir, marker), "give the top folder of a checkout")
	}
	version := "0.0.0" // as in Ollama's builds without a version
	describe := exec.CommandContext(ctx, git, "-C", dir, "describe", "--tags", "--always", "--dirty")
	describe.Env = GitEnvironment(dir)
	if out, err := describe.Output(); err == nil {
		version = strings.TrimSpace(string(out))
	}
	return Folder{dir, version, checkoutSkips}, nil
}

// FetchOllama returns the pinned module from Go's module cache, downloaded if needed. The sum of the unpacked files is
// computed each time, so that a damaged cache is found.
func FetchOllama(ctx context.Context, st *step.Step, goTool string, pin OllamaPin, dir, log string) (Folder, error) {
	st.Note("%s %s", pin.Module, pin.Version)
	got, err := DownloadOllama(ctx, goTool, pin, dir, log)
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
		return Folder{}, hint.Wrap(wrongSum(got.Dir, sum, pin.Sum),
			"files in Go's module cache have changed; run go clean -modcache")
	}
	return Folder{got.Dir, strings.TrimPrefix(pin.Version, "v"), nil}, nil
}

// Module is what Go downloaded.
type Module struct{ Dir, Sum string }

// DownloadOllama downloads the version of a pin, whose sum it ignores: Go's checksum database has one. dir is a working
// folder, log the path of the log.
func DownloadOllama(ctx context.Context, goTool string, pin OllamaPin, dir, log string) (Module, error) {
	var out bytes.Buffer
	err := step.Command{
		Path: goTool, Args: []string{"mod", "download", "-json", pin.Module + "@" + pin.Version},
		Dir: dir, Env: GoEnvironment(), Log: log, Stdout: &out,
	}.Run(ctx)
	var got struct {
		Module
		Error string
	}
	if jsonErr := json.Unmarshal(out.Bytes(), &got); jsonErr == nil && got.Error != "" {
		err = hint.Wrap(errors.New(got.Error),
			"check the version, the network and GOPROXY, or give a checkout with --ollama-source DIR")
	}
	return got.Module, err
}

func wrongSum(what, got, want string) error {
	return fmt.Errorf("%s has the sum %s, but %s is pinned", what, got, want)
}

// FetchLlamaCpp returns the pinned tree from the cache, downloaded and unpacked if needed. The sum of the unpacked tree
// is recorded and computed each time: a tree that was changed or is incomplete is unpacked again.
func FetchLlamaCpp(ctx context.Context, st *step.Step, pin LlamaCppPin, cache string) (Folder, error) {
	st.Note("%s in %s %s", pin.Commit, pin.Package, pin.Version)
	found := Folder{
		Dir:     filepath.Join(cache, "src", "llama.cpp-"+pin.SHA256[:16]),
		Version: pin.Commit,
	}
	unlock, err := LockFetching(ctx, st, cache)
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

// LockFetching makes other processes wait that would change downloads and sources in the cache.
func LockFetching(ctx context.Context, st *step.Step, cache string) (unlock func(), err error) {
	return st.Lock(ctx, filepath.Join(cache, "fetch.lock"))
}

// sumOf is the path of the recorded sum, beside the tree.
func sumOf(dir string) string { return dir + ".sum" }

// checkUnpacked returns why the tree at dir must be unpacked, "" if it is unchanged.
func checkUnpacked(dir string) string {
	if _, err := os.Lstat(dir); err != nil {
		return "not in the cache"
	}
	want, err := os.ReadFile(sumOf(dir))
	if err != nil {
		return "no recorded sum"
	}
	if got, err := dirhash.HashDir(dir, "", dirhash.Hash1); err != nil || got != string(want) {
		return "files have changed"
	}
	return ""
}

func recordUnpacked(dir string) error {
	sum, err := dirhash.HashDir(dir, "", dirhash.Hash1)
	if err != nil {
		return err
	}
	return os.WriteFile(sumOf(dir), []byte(sum), 0o644) // an incomplete sum is a wrong one, which is safe
}

// RemoveLeftovers removes files and folders in dir whose names start with prefix, left by killed processes. The caller
// holds the lock of their owners.
func RemoveLeftovers(dir, prefix string) (err error) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// checkoutSkips leaves version control and build folders out of a checkout.
func checkoutSkips(name string, dir bool) bool {
	if name == ".git" { // a file in a worktree or submodule
		return true
	}
	return dir && !strings.Contains(name, "/") && (name == "build" || strings.HasPrefix(name, "build-"))
}

// GitEnvironment makes git look for a repository in dir alone, and ignore the user's settings.
func GitEnvironment(dir string) []string {
	return process.Environment("GIT_CEILING_DIRECTORIES="+filepath.Dir(dir),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
}

// GoEnvironment overrides the user's settings of Go (go env -w), which empty values would not.
func GoEnvironment() []string {
	return []string{"GOWORK=off", "GOFLAGS=-buildvcs=false", "GOOS=" + runtime.GOOS, "GOARCH=" + runtime.GOARCH}
}
