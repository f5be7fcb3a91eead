package tree

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/source"
)

// plan is a Tree of files with the given content.
func plan(t *testing.T, files map[string]string) Tree {
	t.Helper()
	m := fstest.MapFS{}
	for name, content := range files {
		m[name] = &fstest.MapFile{Data: []byte(content), Mode: 0o644}
	}
	tree := Tree{}
	if err := tree.Add("", m, nil); err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestSyncTouchesOnlyWhatChanged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tree")
	before := map[string]string{"keep.c": "1", "sub/same-size.c": "2", "sub/gone.c": "3", "becomes-dir": "4", "dir/x": "5"}
	if _, err := plan(t, before).Sync(dir); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour).Truncate(time.Second)
	for name := range before {
		if err := os.Chtimes(filepath.Join(dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	after := map[string]string{"keep.c": "1", "sub/same-size.c": "X", "new/deep/n.c": "6", "becomes-dir/f": "7",
		"dir": "8"}
	changed, err := plan(t, after).Sync(dir)
	if err != nil {
		t.Fatal(err)
	}
	if changed != 7 {
		t.Errorf("%d files changed, want 7", changed)
	}
	if got := plugintest.OnDisk(t, dir); !maps.Equal(got, after) {
		t.Errorf("on disk: %v", got)
	}
	for name, want := range map[string]bool{"keep.c": true, "sub/same-size.c": false} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if untouched := info.ModTime().Equal(old); untouched != want {
			t.Errorf("%s untouched: %v, want %v", name, untouched, want)
		}
	}
	if changed, err = plan(t, after).Sync(dir); err != nil || changed != 0 {
		t.Errorf("second run: %d changed, %v", changed, err)
	}
}

func TestSyncFollowsNoLinkOutOfTheFolder(t *testing.T) {
	outside, dir := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "sub")); err != nil {
		t.Fatal(err)
	}
	_, err := plan(t, map[string]string{"sub/f": "x"}).Sync(dir)
	if entries, _ := os.ReadDir(outside); len(entries) > 0 {
		t.Errorf("wrote outside of the folder (error %v)", err)
	}
}

func TestAddLeavesOutWhatIsNotSource(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".git/config", "build/x.o", "build-arm/x.o", "src/build/kept.c", "build.sh",
		".github/kept"} {
		plugintest.Write(t, filepath.Join(dir, name), "", 0o644)
	}
	own, err := source.Own(t.Context(), "git", dir, "build.sh")
	if err != nil {
		t.Fatal(err)
	}
	tree := Tree{}
	if err := tree.AddDir("", own.Dir, own.Skip); err != nil {
		t.Fatal(err)
	}
	if got, want := tree.Names(), []string{".github/kept", "build.sh", "src/build/kept.c"}; !slices.Equal(got, want) {
		t.Errorf("planned %v, want %v", got, want)
	}
}
