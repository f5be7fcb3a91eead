package build

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// builtIn copies the libraries of a finished build, so that a test may replace some.
func builtIn(t *testing.T, prefix string) string {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a build; not with -short")
	}
	lib := t.TempDir()
	err := os.CopyFS(lib, os.DirFS(filepath.Join("..", "..", prefix, "lib", "ollama")))
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%v; run make build stock first", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// sets are the instruction sets of the builds that are tried.
const sets = "SSE42 AVX AVX2 AVX512 AMX_TILE AMX_INT8"

// tryIn runs the check on a folder of libraries.
func tryIn(t *testing.T, lib string, opts Options) (string, error) {
	t.Helper()
	opts.Jobs = 2
	b := &Builder{Dir: t.TempDir(), Options: opts, result: Result{CPU: sets}}
	if opts.CPUVariants == CPUAll {
		b.result.CPU = "all variants"
	}
	tried, err := b.try(t.Context(), lib)
	if left, _ := filepath.Glob(filepath.Join(b.Dir, "scratch-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	return tried, err
}

func TestBuildIsTried(t *testing.T) {
	for prefix, stock := range map[string]bool{"dist": false, "dist-stock": true} {
		t.Run(prefix, func(t *testing.T) {
			tried, err := tryIn(t, builtIn(t, prefix), Options{Stock: stock})
			if err != nil || strings.Contains(tried, "FlashHead") == stock {
				t.Errorf("%q, %v", tried, err)
			}
		})
	}
}

// plantCrash replaces a file in lib by one that raises SIGILL: a library when loaded, a program when run.
func plantCrash(t *testing.T, lib, file string) {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler")
	}
	const source = `#include <signal.h>
__attribute__((constructor)) static void fault(void) { raise(SIGILL); }
int main(void) { return 0; }
`
	args := []string{"-x", "c", "-", "-o", filepath.Join(lib, file)}
	if strings.Contains(file, ".so") {
		args = append(args, "-shared", "-fPIC")
	}
	cmd := exec.Command(cc, args...)
	cmd.Stdin = strings.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestBuildThatCrashes(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("for Linux")
	}
	for name, c := range map[string]struct {
		prefix, file string
		opts         Options
		cause, way   string
	}{
		"backend": {"dist", "libggml-cpu.so", Options{},
			"llama-server ended by signal: illegal instruction (core dumped) (dense; compiled for " + sets + ")",
			"build without some of them: fh-ollama build --without amx,avx512"},
		"stock": {"dist-stock", "libggml-cpu.so", Options{Stock: true},
			"llama-server ended by signal: illegal instruction (core dumped) (dense; compiled for " + sets + ")",
			"build without some of them: fh-ollama build --stock --without amx,avx512"},
		"tool": {"dist", "llama-flashhead", Options{},
			"clustering ended by signal: illegal instruction (core dumped) (converting; compiled for " + sets + ")",
			"build without some of them: fh-ollama build --without amx,avx512"},
		"variants": {"dist", "libggml-cpu.so", Options{CPUVariants: CPUAll},
			"llama-server ended by signal: illegal instruction (core dumped) (dense; compiled for all variants)",
			"build for this machine only, with fewer instruction sets: fh-ollama build --without amx,avx512"},
	} {
		t.Run(name, func(t *testing.T) {
			lib := builtIn(t, c.prefix)
			plantCrash(t, lib, c.file)
			_, err := tryIn(t, lib, c.opts)
			if err == nil {
				t.Fatal("no error")
			}
			// whether there is a core depends on the machine
			plain := func(s string) string { return strings.ReplaceAll(s, " (core dumped)", "") }
			if plain(err.Error()) != plain(c.cause) || hint.Of(err) != c.way {
				t.Errorf("%v / %s\nwant %s / %s", err, hint.Of(err), c.cause, c.way)
			}
		})
	}
}

// Killed programs and ordinary errors are not blamed on instructions.
func TestNotEveryEndIsACrash(t *testing.T) {
	b := &Builder{result: Result{CPU: "AVX2"}}
	for _, script := range []string{"kill -9 $$", "exit 3"} {
		err := hint.Wrap(exec.Command("sh", "-c", script).Run(), "as it was")
		if got := b.crash(err, "dense"); hint.Of(got) != "as it was" {
			t.Errorf("%s: %v, hint %q", script, got, hint.Of(got))
		}
	}
	if err := b.crash(errors.New("no"), ""); hint.Of(err) != "" {
		t.Errorf("hint %q", hint.Of(err))
	}
	if err := b.crash(nil, ""); err != nil {
		t.Error(err)
	}
}
