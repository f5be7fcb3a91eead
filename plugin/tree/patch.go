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
	"slices"
	"sort"
	"strings"

	"github.com/fh-ollama/fh-ollama/plugin/source"
)

// Patch is a patch file with git's paths (a/… and b/…).
type Patch struct {
	Name string
	Data []byte
}

// ReadSeries reads the patches of folder dir in the order of its file "series": one name per line, # starts a comment.
// A patch that series does not name is an error.
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

// CompatPatches reads the patches that Ollama applies to its llama.cpp: all below llama/compat, ordered by file name,
// as in its cmake/apply-git-patches.cmake.
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

// Patcher applies patches to copies of the files of a planned tree that they name, with git: Stage makes the copies,
// GitApply patches them, and Staged returns the patched tree.
type Patcher struct {
	Git     string
	Scratch string // empty folder; must outlive the trees that Staged returns
}

// Stage copies the files of t that the patches name into a folder.
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

// Staged returns t with the named files taken from the folder of Stage.
func (p Patcher) Staged(t Tree, patches []Patch, work string) (Tree, error) {
	out := maps.Clone(t)
	for _, name := range NamedFiles(patches) {
		delete(out, name)
	}
	return out, out.AddDir("", work, nil)
}

// NamedFiles returns the paths that patches name, sorted.
func NamedFiles(patches []Patch) (names []string) {
	for _, patch := range patches {
		names = append(names, patch.paths()...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ErrDoesNotApply is in the chain if a patch does not fit the sources.
var ErrDoesNotApply = errors.New("does not apply")

// GitApply runs git apply in dir, which need not be a repository.
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

// Try applies those hunks of a patch to dir that fit, and leaves the others in FILE.PATCH.rej beside each file. rejected
// says for each of the others where it should go, or for a file why none fits.
func (p Patcher) Try(ctx context.Context, dir string, patch Patch) (rejected []string, err error) {
	out, failed := p.gitApplyOutput(ctx, dir, patch.Data, "--reject")
	if failed == nil || ctx.Err() != nil {
		return nil, ctx.Err()
	}
	for line := range strings.Lines(out) {
		said, isError := strings.CutPrefix(strings.TrimSpace(line), "error: ")
		if isError && !strings.HasPrefix(said, "while searching for") { // lines of the patch follow
			rejected = append(rejected, said)
		}
	}
	for _, name := range NamedFiles([]Patch{patch}) {
		rest := filepath.Join(dir, filepath.FromSlash(name))
		err := os.Rename(rest+".rej", rest+"."+patch.Name+".rej") // the next patch may write a .rej too
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	return rejected, nil
}

// IsIn reports whether the files in dir are as the patch makes them.
func (p Patcher) IsIn(ctx context.Context, dir string, patch Patch) bool {
	return p.GitApply(ctx, dir, patch, "--reverse", "--check") == nil
}

func (p Patcher) gitApplyOutput(ctx context.Context, dir string, patch []byte, options ...string) (string, error) {
	args := append([]string{"apply", "--whitespace=nowarn"}, options...)
	cmd := exec.CommandContext(ctx, p.Git, append(args, "-")...)
	cmd.Dir = dir
	cmd.Stdin = bytes.NewReader(patch)
	cmd.Env = append(source.GitEnvironment(dir), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// paths returns the files that the patch may touch. It may name too many: content can look like a header.
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

// CureFolder, in Overlay.Patches, holds patches for faults of llama.cpp itself. They go into every build, stock too.
const CureFolder = "cures"

// States of a cure.
const (
	CureApplied = "applied"
	cureThere   = "is in already"
	CureMisfit  = "does not fit"
)

// Cure applies a cure to the files in dir.
func (p Patcher) Cure(ctx context.Context, dir string, cure Patch) (state string, err error) {
	if p.IsIn(ctx, dir, cure) {
		return cureThere, nil
	}
	switch err = p.GitApply(ctx, dir, cure); {
	case errors.Is(err, ErrDoesNotApply):
		return CureMisfit, err
	default:
		return CureApplied, err
	}
}
