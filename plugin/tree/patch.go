package tree

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"github.com/fh-ollama/fh-ollama/plugin/source"
)

// Patch is one patch file, with paths as git writes them (a/… and b/…).
type Patch struct {
	Name string
	Data []byte
}

// ReadSeries reads the patches of folder dir in the order that its file "series" gives: a name a line, # begins a
// comment. A patch that series does not name is an error, because it was most likely forgotten.
func ReadSeries(fsys fs.FS, dir string) ([]Patch, error) {
	list, err := fs.ReadFile(fsys, path.Join(dir, "series"))
	if err != nil {
		return nil, err
	}
	var patches []Patch
	named := map[string]bool{}
	lines := bufio.NewScanner(bytes.NewReader(list))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		name := strings.TrimSpace(line)
		if name == "" {
			continue
		}
		if named[name] {
			return nil, fmt.Errorf("%s/series names %s twice", dir, name)
		}
		named[name] = true
		data, err := fs.ReadFile(fsys, path.Join(dir, name))
		if err != nil {
			return nil, fmt.Errorf("%s/series: %w", dir, err)
		}
		patches = append(patches, Patch{name, data})
	}
	present, err := fs.Glob(fsys, path.Join(dir, "*.patch"))
	if err != nil {
		return nil, err
	}
	for _, p := range present {
		if !named[path.Base(p)] {
			return nil, fmt.Errorf("%s is not named in %s/series", p, dir)
		}
	}
	return patches, nil
}

// CompatPatches reads the patches that an Ollama source tree applies to its llama.cpp: all below llama/compat,
// ordered by file name, as cmake/apply-git-patches.cmake there does.
func CompatPatches(ollama fs.FS) ([]Patch, error) {
	var patches []Patch
	err := fs.WalkDir(ollama, "llama/compat", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".patch" {
			return err
		}
		data, err := fs.ReadFile(ollama, name)
		patches = append(patches, Patch{path.Base(name), data})
		return err
	})
	sort.SliceStable(patches, func(i, j int) bool { return patches[i].Name < patches[j].Name })
	return patches, err
}

// Patcher applies patches to a planned tree with git.
type Patcher struct {
	Git     string
	Scratch string // empty folder that must live as long as the trees that apply returns
	Applied bool   // skip patches that the tree already has
}

// Apply returns t with all patches applied, in order. Only copies of the files that the patches name are worked on:
// if one hunk fails, nothing has changed, neither t nor any folder that t was read from.
func (p Patcher) Apply(ctx context.Context, t Tree, patches []Patch) (Tree, error) {
	work, err := p.Stage(t, patches)
	if err != nil {
		return nil, err
	}
	for _, patch := range patches {
		if p.Applied && p.GitApply(ctx, work, patch, "--reverse", "--check") == nil {
			continue
		}
		if err := p.GitApply(ctx, work, patch); err != nil {
			return nil, err
		}
	}
	return p.Staged(t, patches, work)
}

// Stage copies the files of t that the patches name to a folder.
func (p Patcher) Stage(t Tree, patches []Patch) (work string, err error) {
	work = filepath.Join(p.Scratch, "tree")
	if err := os.MkdirAll(work, 0o755); err != nil {
		return "", err
	}
	subset := Tree{}
	for _, name := range NamedFiles(patches) {
		if f, ok := t[name]; ok {
			subset[name] = f
		}
	}
	_, err = subset.Sync(work)
	return work, err
}

// Staged is t with the files that the patches name as they are in the folder of stage.
func (p Patcher) Staged(t Tree, patches []Patch, work string) (Tree, error) {
	out := maps.Clone(t)
	for _, name := range NamedFiles(patches) {
		delete(out, name)
	}
	return out, out.AddDir("", work, nil)
}

// NamedFiles returns the paths that some patch names, each once.
func NamedFiles(patches []Patch) (names []string) {
	seen := map[string]bool{}
	for _, patch := range patches {
		for _, name := range patch.paths() {
			if !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// ErrDoesNotApply marks a patch that does not fit the sources.
var ErrDoesNotApply = errors.New("does not apply")

// GitApply runs git apply in dir, which needs to be no repository and must not be mistaken for a part of one.
func (p Patcher) GitApply(ctx context.Context, dir string, patch Patch, options ...string) error {
	out, err := p.gitApplyOutput(ctx, dir, patch.Data, options...)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(out), "\n")
		return fmt.Errorf("patch %s %w: %s", patch.Name, ErrDoesNotApply, strings.TrimPrefix(first, "error: "))
	}
	return nil
}

// gitApplyOutput is gitApply, with what git says.
func (p Patcher) gitApplyOutput(ctx context.Context, dir string, patch []byte, options ...string) (string, error) {
	args := append([]string{"apply", "--whitespace=nowarn"}, options...)
	cmd := exec.CommandContext(ctx, p.Git, append(args, "-")...)
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(patch)
	cmd.Env = append(source.GitEnvironment(dir), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// paths returns the files that the patch may read, change, create or remove. It may name too many: a line of content
// can look like a header.
func (p Patch) paths() []string {
	var names []string
	for _, line := range strings.Split(string(p.Data), "\n") {
		line = strings.TrimRight(line, "\r")
		for _, head := range []string{"--- a/", "+++ b/", "rename from ", "rename to ", "copy from ", "copy to "} {
			if name, ok := strings.CutPrefix(line, head); ok {
				name, _, _ = strings.Cut(name, "\t")
				if fs.ValidPath(name) {
					names = append(names, name)
				}
			}
		}
	}
	return names
}
