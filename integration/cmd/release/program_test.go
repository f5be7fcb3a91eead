package main

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// The same sources make the same program: in another folder, compiled anew, beside a repository or not.
func TestProgramIsReproducible(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles everything twice; not with -short")
	}
	var first []byte
	for _, name := range []string{"one", "two/deeper"} {
		dir := filepath.Join(t.TempDir(), name)
		copySources(t, "../../..", dir)
		cmd := exec.Command("make", "program")
		cmd.Dir = dir
		cmd.Env = os.Environ()
		if first != nil {
			cmd.Env = append(cmd.Env, "GOCACHE="+filepath.Join(t.TempDir(), "cache"))
			if out, err := exec.Command("git", "init", "-q", dir).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		program, err := os.ReadFile(filepath.Join(dir, "build", "fh-ollama"))
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(program, first) {
			t.Error("the second program is another one")
		}
		first = program
	}
}

// copySources copies what a build of the program may read.
func copySources(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", "build", "dist", "dist-stock", "integration"}, name) {
			return fs.SkipDir
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		}
		if !d.Type().IsRegular() || name == ".git" { // the file of a worktree
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), data, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
