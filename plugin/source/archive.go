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

// unpackPrefix begins the names of folders in which archives are unpacked, beside the trees that they become.
const unpackPrefix = ".unpack-"

// maxUnpacked bounds what one archive may grow to; the pinned tree has 140 MB.
const maxUnpacked = 2 << 30

// checkSHA256 compares the hash of a file with want, in lower-case hexadecimal.
func checkSHA256(name, want string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return hint.New(fmt.Sprintf("%s has the SHA-256 %s, but %s is pinned", name, got, want),
			"delete the file and run the same command again")
	}
	return nil
}

// unpack puts the regular files below subdir of a .tar.gz into dir, which appears only when it is complete and on the disk, in
// the place of what was there.
// An entry below subdir whose name leaves it, or that is a link, is an error. A file .git at the top of subdir is left
// out: it points at a repository that the archive does not contain, and git would refuse to work beside it.
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
	if err := syncTree(tmp); err != nil {
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
