package bundle_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/bundle/bundletest"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// inCache points the cache at a new folder, which Unpack has to make.
func inCache(t *testing.T) string {
	t.Helper()
	cache := filepath.Join(t.TempDir(), "cache")
	t.Setenv(atomicfile.CacheVariable, cache)
	return cache
}

// names returns the names in a folder.
func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		list = append(list, entry.Name())
	}
	return list
}

func TestUnpack(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077)) // modes do not depend on it
	inCache(t)
	content := map[string]string{"llama-flashhead": strings.Repeat("tool", 1<<18), "libflashhead-tool.so": "code"}
	b := bundletest.New(nil, []byte(content["llama-flashhead"]), []byte(content["libflashhead-tool.so"]))
	whole := func() string {
		t.Helper()
		tool, err := b.Unpack()
		if err != nil {
			t.Error(err)
			return ""
		}
		for name, want := range content {
			path := filepath.Join(filepath.Dir(tool), name)
			data, err := os.ReadFile(path)
			if info, statErr := os.Lstat(path); err != nil || statErr != nil || string(data) != want || info.Mode() != 0o755 {
				t.Errorf("%s has %d bytes: %v, %v, %v", name, len(data), info, err, statErr)
			}
		}
		return tool
	}
	var group sync.WaitGroup
	for range 16 { // several processes and users may unpack at once
		group.Go(func() { whole() })
	}
	group.Wait()
	tool := whole()
	dir := filepath.Dir(tool)
	code := filepath.Join(dir, "libflashhead-tool.so")
	before, _ := os.Stat(tool)
	whole()
	if after, _ := os.Stat(tool); !os.SameFile(before, after) {
		t.Error("what was there was written again")
	}

	// whatever happened to the files
	outside := filepath.Join(t.TempDir(), "outside")
	for name, spoil := range map[string]func() error{
		"another content":  func() error { return os.WriteFile(tool, []byte("evil"), 0o755) },
		"a shorter file":   func() error { return os.Truncate(code, 1) },
		"another mode":     func() error { return os.Chmod(tool, 0o777) },
		"no right to run":  func() error { return os.Chmod(code, 0o644) },
		"set user ID":      func() error { return unix.Chmod(tool, 0o4755) },
		"a missing file":   func() error { return os.Remove(code) },
		"a missing folder": func() error { return os.RemoveAll(filepath.Dir(dir)) },
		"a link": func() error {
			if err := os.Rename(tool, outside); err != nil {
				return err
			}
			return os.Symlink(outside, tool)
		},
		"a killed writer": func() error {
			return os.WriteFile(filepath.Join(dir, ".llama-flashhead.partial-ABCDEFGH"), nil, 0o600)
		},
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		if name == "a killed writer" { // its file goes with the next write
			os.Remove(tool)
		}
		if again := whole(); again != tool {
			t.Errorf("%s: %s", name, again)
		}
		if list := names(t, dir); !slices.Equal(list, []string{"libflashhead-tool.so", "llama-flashhead"}) {
			t.Errorf("%s: the folder has %q", name, list)
		}
	}
}

// Of other versions only those in use stay.
func TestUnpackRemovesUnused(t *testing.T) {
	inCache(t)
	unpack := func(tool string) string {
		path, err := bundletest.New(nil, []byte(tool), nil).Unpack()
		if err != nil {
			t.Fatal(err)
		}
		return filepath.Dir(path)
	}
	left := func(want ...string) {
		t.Helper()
		slices.Sort(want)
		for i, dir := range want {
			want[i] = filepath.Base(dir)
		}
		if list := names(t, filepath.Dir(unpack("3"))); !slices.Equal(list, want) {
			t.Errorf("%q is left, not %q", list, want)
		}
	}
	old := time.Now().Add(-25 * time.Hour)
	first, second, third := unpack("1"), unpack("2"), unpack("3")
	left(first, second, third)
	if err := errors.Join(os.Chtimes(first, old, old), os.Chtimes(second, old, old)); err != nil {
		t.Fatal(err)
	}
	unpack("2") // is in use now
	left(second, third)
}

// What others could have written is not run.
func TestUnpackRefuses(t *testing.T) {
	b := bundletest.New(nil, []byte("tool"), []byte("code"))
	refused := func(cause string) {
		t.Helper()
		if _, err := b.Unpack(); err == nil || !strings.Contains(err.Error(), cause) ||
			!strings.Contains(hint.Of(err), "FH_OLLAMA_CACHE") {
			t.Errorf("%v, %q; want %s", err, hint.Of(err), cause)
		}
	}
	inCache(t)
	tool, err := b.Unpack()
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{filepath.Dir(tool), filepath.Dir(filepath.Dir(tool))} {
		if err := os.Chmod(folder, 0o777); err != nil {
			t.Fatal(err)
		}
		refused("others may write to " + folder)
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv(atomicfile.CacheVariable, file)
	refused("not a directory")
}

// Where the system would run no program, the error says so, and nothing is written.
func TestUnpackOnNoexec(t *testing.T) {
	cache := inCache(t)
	if err := os.Mkdir(cache, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", cache, "tmpfs", unix.MS_NOEXEC, "size=1m"); err != nil {
		t.Skip("no file system can be mounted: ", err)
	}
	defer unix.Unmount(cache, 0)
	tool, err := bundletest.New(nil, []byte("tool"), []byte("code")).Unpack()
	if err == nil || !strings.Contains(err.Error(), "noexec") || !strings.Contains(hint.Of(err), "FH_OLLAMA_CACHE") {
		t.Errorf("%s, %v, %q", tool, err, hint.Of(err))
	}
	if found, _ := filepath.Glob(filepath.Join(cache, "*", "*", "*")); len(found) > 0 {
		t.Errorf("it has written %q", found)
	}
}
