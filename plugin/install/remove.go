package install

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
)

// remove removes those of paths that the receipt lists and that nobody changed, then folders that are empty, and saves
// the receipt. It returns what it did. Every file is examined before the first is removed. After an error the receipt
// lists what is left.
func (r *receipt) remove(paths []string) ([]Change, error) {
	planned, err := r.removals(paths)
	if err != nil {
		return nil, err
	}
	var done []Change
	for _, path := range paths {
		sweep(r.in, path)
		c, ok := planned[path]
		if ok && c.Verb == "remove" {
			if err := r.in.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				r.save()
				return done, err
			}
		}
		if ok && !slices.Contains(done, c) {
			done = append(done, c)
		}
		r.Files = slices.DeleteFunc(r.Files, func(m made) bool { return m.Path == path })
	}
	sweep(r.in, r.path)
	if err := r.save(); err != nil {
		return done, err
	}
	if left := removeEmpty(r.in, r.Folders); len(left) != len(r.Folders) {
		r.Folders = left
		return done, r.save()
	}
	return done, nil
}

// removals returns the change for each of paths that the receipt lists and that exists.
func (r *receipt) removals(paths []string) (map[string]Change, error) {
	planned := map[string]Change{}
	for _, path := range paths {
		m := r.file(path)
		if m == nil {
			continue
		}
		sum, err := contentSum(r.in, path)
		link := ""
		if err != nil {
			link = linkAbove(r.in, path)
		}
		switch {
		case link != "": // where it leads is not ours
			planned[path] = Change{Verb: "keep", Path: at(r.in, link)}
		case errors.Is(err, syscall.ENOTDIR): // a file has replaced its folder
		case err != nil:
			return nil, err
		case sum == "":
		case m.is(sum):
			planned[path] = Change{Verb: "remove", Path: at(r.in, path)}
		default:
			note := "it was changed since it was installed; remove it yourself if it is not needed"
			if filepath.Base(path) == dropInName {
				note = "it was changed since it was installed; remove its line with GGML_BACKEND_PATH, or the file if nothing " +
					"else is in it"
			}
			planned[path] = Change{Verb: "keep", Path: at(r.in, path), Note: note}
		}
	}
	return planned, nil
}

// linkAbove returns the outermost link among the folders of a prefix above name, "" if there is none.
func linkAbove(in place, name string) (link string) {
	if _, ok := in.(*os.Root); !ok {
		return ""
	}
	for dir := path.Dir(name); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if info, err := in.Lstat(dir); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			link = dir
		}
	}
	return link
}
