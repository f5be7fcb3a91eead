package source

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// unpackPrefix starts the names of temporary folders for unpacking.
const unpackPrefix = ".unpack-"

// maxUnpacked limits the bytes of one unpacked archive; the pinned tree has 140 MB.
const maxUnpacked = 2 << 30

// SHA256 returns the hash of a file in lower-case hexadecimal.
func SHA256(name string) (string, error) {
	f, err := os.Open(name)
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

// checkSHA256 compares the hash of a file with want, lower-case hexadecimal.
func checkSHA256(name, want string) error {
	got, err := SHA256(name)
	if err == nil && got != want {
		err = hint.New(fmt.Sprintf("%s has the SHA-256 %s, but %s is pinned", name, got, want),
			"delete the file and run the same command again")
	}
	return err
}

// unpack replaces dir by the regular files below subdir of a .tar.gz, once they are complete. It refuses links, and
// names that leave subdir. It leaves out a file .git at the top: git does not work beside one whose repository is
// missing.
func unpack(ctx context.Context, archive, subdir, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), unpackPrefix+"*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := unpackTo(ctx, f, subdir, tmp); err != nil {
		return fmt.Errorf("%s: %w", archive, err)
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(tmp, dir)
}

func unpackTo(ctx context.Context, r io.Reader, subdir, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	zip, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	entries := tar.NewReader(zip)
	var files int
	left := int64(maxUnpacked)
	for {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		name, below := strings.CutPrefix(strings.TrimPrefix(entry.Name, "./"), subdir+"/")
		if !below || entry.Typeflag == tar.TypeDir || name == ".git" {
			continue
		}
		if name != path.Clean(name) || !filepath.IsLocal(filepath.FromSlash(name)) {
			return fmt.Errorf("unsafe name %q", entry.Name)
		}
		if entry.Typeflag != tar.TypeReg {
			return fmt.Errorf("%q is not a regular file", entry.Name)
		}
		if left -= entry.Size; left < 0 {
			return fmt.Errorf("more than %d bytes", int64(maxUnpacked))
		}
		data, err := io.ReadAll(entries)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if entry.Mode&0o111 != 0 {
			mode = 0o755
		}
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return err
		}
		if err := root.WriteFile(name, data, mode); err != nil {
			return err
		}
		files++
	}
	if files == 0 {
		return fmt.Errorf("holds no %s", subdir)
	}
	return nil
}
