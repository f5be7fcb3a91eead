package upstream

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// State says what became of a thing that is relied on.
type State string

const (
	OK      State = "ok"
	Moved   State = "moved"   // as it was, but in another file
	Changed State = "changed" // in its file, but not as it was
	Gone    State = "gone"    // not found
)

// Finding is an item, compared with a tree.
type Finding struct {
	Item   Item
	State  State
	Detail string // where it is now, how it differs; "" if it is as it was
}

// Checker compares items with trees, which it does not change.
type Checker struct {
	trees   map[string]fs.FS
	sources map[string][]file // of a tree, read when something is searched for
}

type file struct{ name, source string }

// NewChecker takes the trees by their names, as items call them.
func NewChecker(trees map[string]fs.FS) *Checker {
	return &Checker{trees: trees, sources: map[string][]file{}}
}

// Check compares one item. The error is one of reading.
func (c *Checker) Check(it Item) (Finding, error) {
	tree, ok := c.trees[it.Tree]
	if !ok {
		return Finding{}, fmt.Errorf("there is no tree %q for %s", it.Tree, it.What)
	}
	if count, ok := it.fact.(countFact); ok && strings.HasSuffix(it.File, "/") {
		return c.checkFolder(it, count)
	}
	source, err := fs.ReadFile(tree, it.File)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Finding{}, err
	}
	v := verdict{detail: "there is no such file"}
	if err == nil {
		v = it.fact.check(string(source))
	}
	if v.holds {
		return Finding{Item: it, State: OK}, nil
	}
	elsewhere, err := c.search(it)
	switch {
	case err != nil:
		return Finding{}, err
	case len(elsewhere) > 0:
		return Finding{it, Moved, "now in " + strings.Join(elsewhere, ", ")}, nil
	case v.there && v.line > 0:
		return Finding{it, Changed, fmt.Sprintf("line %d: %s", v.line, v.detail)}, nil
	case v.there:
		return Finding{it, Changed, v.detail}, nil
	}
	return Finding{it, Gone, v.detail}, nil
}

// checkFolder counts in all sources of a folder.
func (c *Checker) checkFolder(it Item, count countFact) (Finding, error) {
	sources, err := c.read(it.Tree)
	if err != nil {
		return Finding{}, err
	}
	times, places := 0, []string(nil)
	for _, f := range sources {
		if !strings.HasPrefix(f.name, it.File) {
			continue
		}
		if n := strings.Count(normal(f.source), normal(count.text)); n > 0 {
			times += n
			places = append(places, fmt.Sprintf("%s:%d", f.name, countFact{count.text, n}.check(f.source).line))
		}
	}
	switch {
	case times == count.times:
		return Finding{Item: it, State: OK}, nil
	case times == 0:
		return Finding{it, Gone, fmt.Sprintf("there is no `%s`", count.text)}, nil
	}
	return Finding{it, Changed, fmt.Sprintf("%d times `%s`, not %d: %s", times, count.text, count.times, strings.Join(places, ", "))}, nil
}

// maxPlaces is how many places of a thing that moved are told.
const maxPlaces = 3

// search looks for an item in the other files of its tree.
func (c *Checker) search(it Item) (places []string, err error) {
	sources, err := c.read(it.Tree)
	if err != nil {
		return nil, err
	}
	for _, f := range sources {
		if f.name == it.File || path.Ext(f.name) == ".go" != (path.Ext(it.File) == ".go") {
			continue
		}
		if v := it.fact.check(f.source); v.holds && len(places) < maxPlaces {
			places = append(places, fmt.Sprintf("%s:%d", f.name, v.line))
		}
	}
	return places, nil
}

var (
	sourceEndings = []string{".c", ".cc", ".cpp", ".h", ".hpp", ".m", ".cu", ".cuh", ".metal", ".cmake", ".txt", ".go"}
	notSearched   = []string{"vendor", "tests", "docs", "models", "examples", "app", "flashhead"} // at the top of a tree
)

// read returns the sources of a tree in which a thing may be searched for.
func (c *Checker) read(tree string) ([]file, error) {
	if files, ok := c.sources[tree]; ok {
		return files, nil
	}
	var files []file
	err := fs.WalkDir(c.trees[tree], ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains(notSearched, name) || strings.HasPrefix(path.Base(name), ".") && name != "." {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || !slices.Contains(sourceEndings, path.Ext(name)) {
			return nil
		}
		source, err := fs.ReadFile(c.trees[tree], name)
		files = append(files, file{name, string(source)})
		return err
	})
	c.sources[tree] = files
	return files, err
}
