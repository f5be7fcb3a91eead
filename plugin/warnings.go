package plugin

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
)

// strict adds the check for warnings, if it is asked for: after the compiles, which make some headers.
func (b *build) strict(steps []namedStep) []namedStep {
	if !b.opts.Strict || b.opts.Stock {
		return steps
	}
	at := slices.IndexFunc(steps, func(s namedStep) bool { return s.name == "assemble" })
	return slices.Insert(steps, at, namedStep{"warnings", b.checkWarnings})
}

// checkWarnings has the compiler read the head's own sources once more, with warnings as errors. Not while it compiles
// them: other compilers than those of the people who write them know other warnings.
func (b *build) checkWarnings(ctx context.Context, st *Step) error {
	var database bytes.Buffer
	err := command{
		path: b.tools.Ninja, args: []string{"-C", b.nativeDir(), "-t", "compdb"}, dir: b.dir, log: b.log("compdb"), stdout: &database,
	}.run(ctx)
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
	st.Note("%s without a warning", count(len(compiles), "source", "sources"))
	return nil
}

// headDir is where the head's sources lie in the build folder, of either kind.
func (b *build) headDir() string {
	if b.overlay.Patches == nil {
		return b.pluginSources()
	}
	return filepath.Join(b.llamaTree(), "flashhead")
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
func (b *build) compileAll(ctx context.Context, st *Step, compiles []compile) (failed []string, err error) {
	var mu sync.Mutex // guards failed, err, done
	done := 0
	work := make(chan compile)
	var workers sync.WaitGroup
	for range b.opts.Jobs {
		workers.Go(func() {
			for c := range work {
				log := b.log(filepath.Join("warnings", filepath.FromSlash(c.source)))
				e := command{path: c.args[0], args: c.args[1:], dir: c.dir, log: log}.run(ctx)
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
