package upstream

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/plugin/build"
)

// State is the result for one Reliance.
type State string

const (
	OK      State = "ok"
	Moved   State = "moved"   // unchanged, but in another file
	Changed State = "changed" // in its file, but different
	Gone    State = "gone"    // not found
)

// Finding is a Reliance and its state.
type Finding struct {
	Reliance
	State  State
	Detail string // where it is now, or how it differs; "" for OK
}

// checker looks for facts in trees of sources, which it knows by name.
type checker struct {
	trees   map[string]fs.FS
	sources map[string][]file // by tree, read on the first search
}

type file struct{ name, text string }

// treesOf returns the unpatched sources of a build.
func treesOf(b *build.Builder) map[string]fs.FS {
	return map[string]fs.FS{"ollama": os.DirFS(b.Ollama.Dir), "llama.cpp": os.DirFS(b.LlamaCpp.Dir)}
}

// compare checks list against trees. The error is from reading.
func compare(trees map[string]fs.FS, list []Reliance) (findings []Finding, err error) {
	c := &checker{trees: trees, sources: map[string][]file{}}
	for _, r := range list {
		f := Finding{Reliance: r}
		if f.State, f.Detail, err = c.check(r); err != nil {
			return nil, err
		}
		findings = append(findings, f)
	}
	return findings, nil
}

func (c *checker) check(r Reliance) (state State, detail string, err error) {
	tree, name, _ := strings.Cut(r.File, "/")
	if c.trees[tree] == nil {
		return "", "", fmt.Errorf("there is no source %q for %s", tree, r.What)
	}
	if count, ok := r.fact.(countFact); ok && strings.HasSuffix(name, "/") {
		return c.checkFolder(tree, name, count)
	}
	text, err := fs.ReadFile(c.trees[tree], name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", "", err
	}
	v := verdict{detail: "there is no such file"}
	if err == nil {
		v = r.fact.check(string(text))
	}
	if v.holds {
		return OK, "", nil
	}
	elsewhere, err := c.search(tree, name, r.fact)
	switch {
	case err != nil:
		return "", "", err
	case len(elsewhere) > 0:
		return Moved, "now in " + strings.Join(elsewhere, ", "), nil
	case v.there && v.line > 0:
		return Changed, fmt.Sprintf("line %d: %s", v.line, v.detail), nil
	case v.there:
		return Changed, v.detail, nil
	}
	return Gone, v.detail, nil
}

// checkFolder counts in all sources of a folder.
func (c *checker) checkFolder(tree, folder string, count countFact) (State, string, error) {
	sources, err := c.read(tree)
	if err != nil {
		return "", "", err
	}
	times, places := 0, []string(nil)
	for _, f := range sources {
		if !strings.HasPrefix(f.name, folder) {
			continue
		}
		if n := strings.Count(normal(f.text), normal(count.text)); n > 0 {
			times += n
			places = append(places, fmt.Sprintf("%s:%d", f.name, countFact{count.text, n}.check(f.text).line))
		}
	}
	switch times {
	case count.times:
		return OK, "", nil
	case 0:
		return Gone, fmt.Sprintf("there is no `%s`", count.text), nil
	}
	where := strings.Join(places, ", ")
	return Changed, fmt.Sprintf("%d times `%s`, not %d: %s", times, count.text, count.times, where), nil
}

// maxPlaces limits how many places of a moved thing are reported.
const maxPlaces = 3

// search returns places where a fact holds in other files of the tree.
func (c *checker) search(tree, name string, fact fact) (places []string, err error) {
	sources, err := c.read(tree)
	for _, f := range sources {
		if f.name == name || path.Ext(f.name) == ".go" != (path.Ext(name) == ".go") {
			continue
		}
		if v := fact.check(f.text); v.holds && len(places) < maxPlaces {
			places = append(places, fmt.Sprintf("%s:%d", f.name, v.line))
		}
	}
	return places, err
}

var (
	sourceEndings = []string{".c", ".cc", ".cpp", ".h", ".hpp", ".m", ".cu", ".cuh", ".metal", ".cmake", ".txt", ".go"}
	notSearched   = []string{"vendor", "tests", "docs", "models", "examples", "app", "flashhead"} // top folders of a tree
)

// read returns the sources of a tree that search looks through.
func (c *checker) read(tree string) (files []file, err error) {
	if files, ok := c.sources[tree]; ok {
		return files, nil
	}
	err = fs.WalkDir(c.trees[tree], ".", func(name string, d fs.DirEntry, err error) error {
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
		text, err := fs.ReadFile(c.trees[tree], name)
		files = append(files, file{name, string(text)})
		return err
	})
	c.sources[tree] = files
	return files, err
}
