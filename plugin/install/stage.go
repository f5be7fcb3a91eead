package install

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// replace writes f under a temporary name and renames it.
func replace(in place, f file) error {
	tmp, err := stage(in, f)
	if err != nil {
		return err
	}
	if err := in.Rename(tmp, f.path); err != nil {
		in.Remove(tmp)
		return err
	}
	return nil
}

// stage writes f under a temporary name beside its own, which neither systemd nor llama.cpp loads by itself. Its mode
// does not depend on the umask: a service has a user of its own.
func stage(in place, f file) (tmp string, err error) {
	tmp = strings.TrimSuffix(f.path, filepath.Base(f.path)) + partialPrefix(f.path) + rand.Text()[:8]
	if f.link != "" {
		return tmp, in.Symlink(f.link, tmp)
	}
	out, err := in.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode)
	if err != nil {
		return "", err
	}
	_, err = out.Write(f.data)
	if err == nil {
		err = out.Chmod(f.mode)
	}
	if err == nil {
		err = out.Sync()
	}
	if closeErr := out.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		in.Remove(tmp)
		return "", err
	}
	return tmp, nil
}

func partialPrefix(path string) string { return "." + filepath.Base(path) + ".partial-" }

var partialSuffix = regexp.MustCompile(`^[A-Z2-7]{8}$`)

// sweep removes temporary files of path that a killed process left. The caller holds the lock, so nobody else writes.
func sweep(in place, path string) {
	dir, err := in.Open(dirOf(in, path))
	if err != nil {
		return
	}
	defer dir.Close()
	entries, _ := dir.ReadDir(-1)
	for _, e := range entries {
		suffix, found := strings.CutPrefix(e.Name(), partialPrefix(path))
		if found && partialSuffix.MatchString(suffix) && !e.IsDir() {
			in.Remove(strings.TrimSuffix(path, filepath.Base(path)) + e.Name())
		}
	}
}
