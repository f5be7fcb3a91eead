package tree

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

// The pinned sources need every cure, and take it.
func TestCuresArePinned(t *testing.T) {
	tree := plugintest.Trees(t)["llama.cpp"]
	cures, err := ReadSeries(testOverlay().Patches, CureFolder)
	if err != nil || len(cures) == 0 {
		t.Fatalf("%d cures, %v", len(cures), err)
	}
	p, plan := testPatcher(t), Tree{}
	for _, name := range NamedFiles(cures) {
		plan[name] = file{fsys: tree, name: name}
	}
	work, err := p.Stage(plan, cures)
	if err != nil {
		t.Fatal(err)
	}
	for _, cure := range cures {
		if state, err := p.Cure(t.Context(), work, cure); state != CureApplied {
			t.Errorf("%s: %s, %v: drop it if upstream has it", cure.Name, state, err)
		}
	}
}

// tileConfig is ggml's AMX configuration in hexadecimal: byte 0 is the palette, bytes 16 on are columns of each tile
// (16 bit), bytes 48 on are rows.
func tileConfig() string {
	config := [64]byte{0: 1}
	for i, columns := range []byte{64, 64, 32, 32, 64, 64, 64, 64} {
		config[16+2*i] = columns
	}
	copy(config[48:], []byte{8, 8, 16, 16, 16, 16, 16, 16})
	return fmt.Sprintf("%x", config)
}

const tileProgram = `#include <immintrin.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>
%s
static void loaded(int, siginfo_t *, void * context) {
    const unsigned char * config = (const unsigned char *) ((ucontext_t *) context)->uc_mcontext.gregs[REG_RAX];
    for (int i = 0; i < 64; ++i) printf("%%02x", config[i]);
    fflush(stdout);
    _exit(0);
}
int main() {
    // what lies on the stack before is no configuration
    volatile unsigned char dirt[4096];
    for (unsigned i = 0; i < sizeof(dirt); ++i) dirt[i] = 0xa5;
    struct sigaction action = {};
    action.sa_sigaction = loaded;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGILL, &action, nullptr);
    ggml_tile_config_init();
    return 1;
}
`

var ldtilecfg = regexp.MustCompile(`(?m)^\s*ldtilecfg\s+(.+)$`)

// loadedTileConfig compiles ggml's function that loads the AMX configuration, and returns what it would load, in
// hexadecimal. It needs no AMX: an illegal instruction in the assembly replaces ldtilecfg.
func loadedTileConfig(t *testing.T, cxx, source string) string {
	t.Helper()
	begin, end := strings.Index(source, "struct tile_config_t{"), strings.Index(source, "    done = true;\n}\n")
	if begin < 0 || end < 0 {
		t.Fatal("the function is not where it was")
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(at("x.cpp"), fmt.Appendf(nil, tileProgram, source[begin:end]+"    done = true;\n}\n"),
		0o644); err != nil {
		t.Fatal(err)
	}
	compile := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(cxx, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	compile("-O3", "-DNDEBUG", "-fPIC", "-std=c++17", "-mamx-tile", "-S", "-o", at("x.s"), at("x.cpp"))
	assembly, err := os.ReadFile(at("x.s"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(ldtilecfg.FindAll(assembly, -1)); n != 1 {
		t.Fatalf("%d times ldtilecfg in the assembly", n)
	}
	if err := os.WriteFile(at("x.s"), ldtilecfg.ReplaceAll(assembly, []byte("\tleaq $1, %rax\n\tud2")),
		0o644); err != nil {
		t.Fatal(err)
	}
	compile("-o", at("x"), at("x.s"))
	out, err := exec.Command(at("x")).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// With the cure, optimised code loads the whole configuration. Without it, GCC's does not.
func TestCureOfAMX(t *testing.T) {
	if runtime.GOARCH != "amd64" || runtime.GOOS != "linux" {
		t.Skip("AMX is for x86-64, and the program for Linux")
	}
	cxx, err := exec.LookPath("c++")
	if err != nil {
		t.Skip(err)
	}
	const name = "ggml/src/ggml-cpu/amx/mmq.cpp"
	tree := plugintest.Trees(t)["llama.cpp"]
	cures, err := ReadSeries(testOverlay().Patches, CureFolder)
	if err != nil {
		t.Fatal(err)
	}
	cured := applied(t, testPatcher(t), Tree{name: {fsys: tree, name: name}}, cures...)
	with, err := cured[name].read()
	if err != nil {
		t.Fatal(err)
	}
	without, err := fs.ReadFile(tree, name)
	if err != nil {
		t.Fatal(err)
	}
	if got := loadedTileConfig(t, cxx, string(with)); got != tileConfig() {
		t.Errorf("loads\n%s, want\n%s", got, tileConfig())
	}
	if got := loadedTileConfig(t, cxx, string(without)); got == tileConfig() {
		t.Log("this compiler does not need the cure: it keeps all stores")
	} else {
		t.Log("without the cure: ", got)
	}
}
