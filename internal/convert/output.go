package convert

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/fh-ollama/fh-ollama/internal/disk"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// output is a file in the making. It has a temporary name until publish.
type output struct {
	file  *os.File
	path  string // the temporary name
	final string
	size  int64 // bytes, known after sync
}

// createOutput checks that the output may be made and begins it beside its final name. need is about its size.
func createOutput(input, final string, force bool, need int64) (*output, error) {
	if info, err := os.Stat(final); err == nil {
		in, err := os.Stat(input)
		switch {
		case err != nil:
			return nil, err
		case os.SameFile(in, info):
			return nil, hint.New(final+" is the input itself, which is never changed", "choose another output with -o")
		case !info.Mode().IsRegular():
			return nil, hint.New(final+" is there and not a file", "choose another output with -o")
		case !force:
			return nil, hint.New(final+" exists already", "choose another output with -o, or give --force to replace it")
		}
	}
	dir := filepath.Dir(final)
	if free, ok := disk.Free(dir); ok && free < need {
		return nil, noSpace(fmt.Errorf("%s has %d MiB free, the output needs %d MiB", dir, free>>20, (need>>20)+1))
	}
	name := filepath.Base(final)
	path := filepath.Join(dir, fmt.Sprintf(".%s.partial-%s", name[:min(len(name), 200)], rand.Text()[:8]))
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, (&output{final: final}).explain(err)
	}
	return &output{file: file, path: path, final: final}, nil
}

// sync makes the content durable and closes the file.
func (o *output) sync() error {
	if err := o.file.Sync(); err != nil {
		return err
	}
	info, err := o.file.Stat()
	if err != nil {
		return err
	}
	o.size = info.Size()
	return o.file.Close()
}

// publish gives the file its final name, durably.
func (o *output) publish() error {
	if err := os.Rename(o.path, o.final); err != nil {
		return err
	}
	o.path = ""
	return syncDir(filepath.Dir(o.final))
}

// discard removes a file that was not published.
func (o *output) discard() {
	o.file.Close()
	if o.path != "" {
		os.Remove(o.path)
	}
}

// explain names the way out of an error in writing.
func (o *output) explain(err error) error {
	wrapped := fmt.Errorf("cannot write %s: %w", o.final, err)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return noSpace(wrapped)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return hint.Wrap(wrapped, "choose a folder that you may write to with -o")
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return hint.Wrap(wrapped, "make the folder first, or choose another output with -o")
	}
	return hint.Wrap(wrapped, "choose another output with -o")
}

// ErrNoSpace is in the chain of an error when the output's disk is full, or will be.
var ErrNoSpace = errors.New("no space")

func noSpace(err error) error {
	return hint.Wrap(spaceError{err}, "free some space, or choose an output on another disk with -o")
}

// spaceError is an ErrNoSpace with the words of its cause.
type spaceError struct{ error }

func (spaceError) Is(target error) bool { return target == ErrNoSpace }

func (e spaceError) Unwrap() error { return e.error }
