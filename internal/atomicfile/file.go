// Package atomicfile writes files that appear under their name only when they are complete.
package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// File is an unfinished output. It has a temporary name until Publish.
type File struct {
	*os.File
	Size int64 // bytes, known after Finish

	path    string // the temporary name, "" after Publish
	final   string // the user's name for it
	target  string // final with links resolved
	replace bool
	shared  bool // see ReplaceShared
	flag    string
	held    *os.File // see hold; nil if there are no locks
}

// Create begins the file final under a temporary name in the same folder. flag is the option that sets final, for
// hints. need is about the file's size in bytes. Create first removes what killed writers of final left behind.
//
// Without force final must not exist, also when it is published. With force it may: the new file gets its mode, and its
// owner if this user may set it. If final is a symbolic link, its target is replaced. Other hard links keep the old
// content.
func Create(final, flag string, need int64, force bool) (*File, error) {
	o := &File{final: final, target: final, flag: flag, replace: force}
	if !force {
		_, err := os.Lstat(final)
		switch {
		case err == nil:
			return nil, hint.New(final+" exists already", "choose another output with "+flag+", or remove it")
		case !errors.Is(err, fs.ErrNotExist):
			return nil, hint.Wrap(err, "choose another output with "+flag)
		}
		return o.create(need, 0o666)
	}
	if target, err := filepath.EvalSymlinks(final); err == nil {
		o.target = target
	} else if _, err := os.Lstat(final); err == nil {
		return nil, hint.New(final+" is a link that leads nowhere", "remove it, or choose another output with "+flag)
	}
	perm := fs.FileMode(0o666)
	if info, err := os.Stat(o.target); err == nil {
		if !info.Mode().IsRegular() {
			return nil, hint.New(final+" exists and is not a regular file", "choose another output with "+flag)
		}
		perm = 0o600 // until Finish, so that nobody else can read it meanwhile
	}
	return o.create(need, perm)
}

// ReplaceShared is Create with force for a file that everybody may read and that belongs to the owner of its folder, as
// far as this user may set that. If final is a symbolic link, the link is replaced, not its target: root may write for
// a user who could link final to any file.
func ReplaceShared(final, flag string, need int64) (*File, error) {
	o := &File{final: final, target: final, flag: flag, replace: true, shared: true}
	return o.create(need, 0o600)
}

func (o *File) create(need int64, perm fs.FileMode) (*File, error) {
	dir := filepath.Dir(o.target)
	RemoveAbandoned(o.target)
	if free, ok := Free(dir); ok && free < need {
		return nil, o.noSpace(fmt.Errorf("%s has %d MiB free, the output needs %d MiB", dir, free>>20, (need>>20)+1))
	}
	file, held, err := newPartial(o.target, perm)
	if err != nil {
		return nil, o.Explain(err)
	}
	o.File, o.held, o.path = file, held, file.Name()
	return o, nil
}

// Write writes content to path atomically, with mode. It makes the folder and replaces a link itself. It does not sync,
// so use it for files that can be made again.
func Write(path string, content io.Reader, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	RemoveAbandoned(path)
	file, held, err := newPartial(path, 0o600)
	if err != nil {
		return err
	}
	defer held.Close()
	defer os.Remove(file.Name()) // fails after the rename
	_, err = io.Copy(file, content)
	if err := errors.Join(err, file.Chmod(mode), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

// Path returns the temporary name.
func (o *File) Path() string { return o.path }

// Finish makes the content durable and closes the file.
func (o *File) Finish() error {
	switch {
	case o.shared:
		adopt(o.File, filepath.Dir(o.target), 0o644)
	case o.replace:
		keepRights(o.File, o.target)
	}
	if err := o.Sync(); err != nil {
		return o.Explain(err)
	}
	info, err := o.Stat()
	if err != nil {
		return o.Explain(err)
	}
	o.Size = info.Size()
	if err := o.Close(); err != nil {
		return o.Explain(err)
	}
	return nil
}

// Publish gives a finished file its final name and makes that durable.
func (o *File) Publish() error {
	rename := renameNew
	if o.replace {
		rename = os.Rename
	}
	err := rename(o.path, o.target)
	if errors.Is(err, fs.ErrExist) && !o.replace {
		return hint.New(o.final+" appeared meanwhile and was left as it is",
			"choose another output with "+o.flag+", or remove it, and run the command again")
	}
	if err != nil {
		return o.Explain(err)
	}
	o.path = ""
	o.held.Close()
	if err := syncDir(filepath.Dir(o.target)); err != nil {
		return o.Explain(err)
	}
	return nil
}

// Complete writes content, and finishes and publishes the file.
func (o *File) Complete(content []byte) error {
	if _, err := o.File.Write(content); err != nil {
		return o.Explain(err)
	}
	if err := o.Finish(); err != nil {
		return err
	}
	return o.Publish()
}

// Discard closes the file and removes it unless it was published.
func (o *File) Discard() {
	o.Close()
	defer o.held.Close()
	if o.path != "" {
		os.Remove(o.path)
	}
}

// Explain adds the file's name and a hint to an error in writing.
func (o *File) Explain(err error) error {
	wrapped := fmt.Errorf("cannot write %s: %w", o.final, err)
	switch {
	case Full(err):
		return o.noSpace(wrapped)
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return hint.Wrap(wrapped, "choose a folder that you may write to with "+o.flag)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return hint.Wrap(wrapped, "make the folder first, or choose another output with "+o.flag)
	}
	return hint.Wrap(wrapped, "choose another output with "+o.flag)
}

// ErrNoSpace means that the output's disk is full or too small.
var ErrNoSpace = errors.New("no space")

func (o *File) noSpace(err error) error {
	return hint.Wrap(spaceError{err}, "free some space, or choose an output on another disk with "+o.flag)
}

// spaceError is an ErrNoSpace with the text of its cause.
type spaceError struct{ error }

func (spaceError) Is(target error) bool { return target == ErrNoSpace }

func (e spaceError) Unwrap() error { return e.error }

// Full reports whether a write failed for lack of space: on the disk, in a quota, or in a file of limited size.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
