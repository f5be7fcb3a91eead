package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// strict adds the check for warnings, if it is asked for: after the compiles, which make some headers.
func (b *Builder) strict(steps []step.Named) []step.Named {
	if !b.Options.Strict || b.Options.Stock {
		return steps
	}
	at := slices.IndexFunc(steps, func(s step.Named) bool { return s.Name == "assemble" })
	return slices.Insert(steps, at, step.Named{Name: "warnings", Do: b.checkWarnings})
}

// checkWarnings has the compiler read the head's own sources once more, with warnings as errors. Not while it compiles
// them: other compilers than those of the people who write them know other warnings.
func (b *Builder) checkWarnings(ctx context.Context, st *step.Step) error {
	var database bytes.Buffer
	err := step.Command{
		Path: b.Tools.Ninja, Args: []string{"-C", b.NativeDir(), "-t", "compdb"}, Dir: b.Dir, Log: b.Log("compdb"), Stdout: &database,
	}.Run(ctx)
	if err != nil {
		return err
	}
	compiles, err := ownCompiles(database.Bytes(), b.headDir())
	if err != nil {
		return err
	}
	if len(compiles) == 0 {
		return errors.New("the build compiles none of the head's sources")
	}
	failed, err := b.compileAll(ctx, st, compiles)
	if err != nil {
		return hint.Wrap(err, "mend what the compiler says of "+strings.Join(failed, ", "))
	}
	st.Note("%s without a warning", step.Count(len(compiles), "source", "sources"))
	return nil
}

// headDir is where the head's sources lie in the build folder, of either kind.
func (b *Builder) headDir() string {
	if b.Overlay.Patches == nil {
		return b.PluginSources()
	}
	return filepath.Join(b.LlamaTree(), "flashhead")
}

// compile is one call of the compiler.
type compile struct {
	source string // slash-separated, below the head's folder
	dir    string
	args   []string // with the compiler
}

// ownCompiles returns how the C and C++ sources below head are compiled, each once, from a database as ninja and CMake
// write it: to write nothing, with warnings as errors in files below head alone.
func ownCompiles(database []byte, head string) ([]compile, error) {
	var entries []struct{ Directory, Command, File string }
	if err := json.Unmarshal(database, &entries); err != nil {
		return nil, err
	}
	var list []compile
	seen := map[string]bool{}
	for _, e := range entries {
		file := e.File
		if !filepath.IsAbs(file) {
			file = filepath.Join(e.Directory, file)
		}
		rel, err := filepath.Rel(head, file)
		if err != nil || !within(head, file) || seen[rel] || !slices.Contains([]string{".c", ".cpp"}, filepath.Ext(rel)) {
			continue
		}
		seen[rel] = true
		words, err := commandline.Split(e.Command)
		if err != nil {
			return nil, err
		}
		list = append(list, compile{filepath.ToSlash(rel), e.Directory, readOnly(words, head)})
	}
	return list, nil
}

// readOnly makes the command of a compile one that writes nothing.
func readOnly(words []string, head string) []string {
	if slices.Contains(launchers, program(words[0])) {
		words = words[1:]
	}
	var args []string
	for i := 0; i < len(words); i++ {
		switch w := words[i]; {
		case w == "-o" || w == "-MF" || w == "-MT" || w == "-MQ":
			i++ // with its value
		case w == "-MD" || w == "-MMD" || w == "-w":
		case strings.HasPrefix(w, "-I") && !within(head, strings.TrimPrefix(w, "-I")): // headers of others may warn
			args = append(args, "-isystem", strings.TrimPrefix(w, "-I"))
		default:
			args = append(args, w)
		}
	}
	// Compiled all the same: some warnings come late, such as that of a function which nothing calls.
	// Of ggml's own settings, one hides what nothing calls, and one asks for an attribute that stand-ins in tests cannot have.
	return append(args, "-O1", "-o", os.DevNull, "-Wall", "-Wextra", "-Wunused-function", "-Wno-suggest-attribute=noreturn", "-Werror")
}

// within tells whether path, which may have .. in it, is head or lies in it.
func within(head, path string) bool {
	rel, err := filepath.Rel(head, path)
	return err == nil && filepath.IsLocal(rel)
}

// compileAll runs the compiles, some at a time. If any fail it names them, and returns how one of them did.
func (b *Builder) compileAll(ctx context.Context, st *step.Step, compiles []compile) (failed []string, err error) {
	var mu sync.Mutex // guards failed, err, done
	done := 0
	work := make(chan compile)
	var workers sync.WaitGroup
	for range b.Options.Jobs {
		workers.Go(func() {
			for c := range work {
				log := b.Log(filepath.Join("warnings", filepath.FromSlash(c.source)))
				e := step.Command{Path: c.args[0], Args: c.args[1:], Dir: c.dir, Log: log}.Run(ctx)
				mu.Lock()
				if e != nil {
					failed, err = append(failed, c.source), e
				}
				done++
				st.Progress(done, len(compiles))
				mu.Unlock()
			}
		})
	}
	for _, c := range compiles {
		work <- c
	}
	close(work)
	workers.Wait()
	slices.Sort(failed)
	return failed, err
}
