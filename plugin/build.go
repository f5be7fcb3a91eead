// Package plugin builds FlashHead for Ollama, in two shapes. Build makes a patched Ollama: pinned sources are fetched and
// checked, the head's sources and patches are laid over them, the result is compiled and assembled into a prefix, and run
// once to see that it works. BuildPlugin (plugin.go) makes the plug-in for a stock Ollama, in much fewer of these steps.
//
// Data flows one way: sources (source.go, index.go) become a planned tree (tree.go, patch.go), the plan becomes a folder, the
// folder is compiled (configure.go, compile.go; the backend of GPUs in a folder of its own, cuda.go) and its products are
// assembled (assemble.go). A step does only what is missing, because each compares content before it writes.
package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
	"github.com/fh-ollama/fh-ollama/internal/processors"
)

// Values of Options.CPUVariants.
const (
	CPUNative = "native" // one CPU backend, for the processor of this machine
	CPUAll    = "all"    // ggml's whole set; the best is chosen when a model loads
)

// Overlay is what is laid over the sources of llama.cpp.
type Overlay struct {
	Head    fs.FS // sources, copied to flashhead/ in the tree; Go files are left out
	Patches fs.FS // folders with patches and a series file: cureFolder, and the one that Pins.Patches names
}

// headTargets are what only a patched build has: the native tool, the tests of the head's parts and a library for tests.
var headTargets = []string{"llama-flashhead", "test-flash-head", "test-flash-head-map", "test-flash-head-cluster",
	"test-flash-head-calibrate", "test-flash-head-sampling", "test-flash-head-rpc", "test-fake-backend", "bench-flash-head",
	"tiny-models", "tiny-tokens", "llama-gguf-split"}

// kernelTargets test kernels of GPUs on a CPU's fibers, which the tests have for Linux.
var kernelTargets = []string{"test-flash-head-cuda", "test-flash-head-cuda64", "test-flash-head-metal"}

// upstreamTargets are the programs of every build.
var upstreamTargets = []string{"llama-server", "llama-bench", "llama-perplexity", "llama-quantize", "llama-batched-bench"}

// Options says what to build. The zero value of a field means its default.
type Options struct {
	Prefix            string   // where the result goes: "dist", or "dist-stock" for a stock build
	Stock             bool     // leave out the overlay
	OllamaSource      string   // own checkout instead of the pinned module
	LlamaCppSource    string   // own checkout instead of the pinned tree
	Jobs              int      // parallel compilers: the number of processors
	CPUVariants       string   // CPUNative or CPUAll: CPUNative
	Without           []string // sets of instructions to leave out of a native build, as ParseWithout returns them
	Backends          []string // as ParseBackends returns them: the default of this machine
	CUDAArchitectures string   // as CMake lists them: those of this machine's GPUs, or Ollama's list
	Cache             string   // downloads and build folders: DefaultCache()
	Version           string   // of fh-ollama, becomes a part of Ollama's version
	Program           string   // the fh-ollama to copy into the prefix; "" for none
	Strict            bool     // warnings in the head's own sources are errors
}

// Result describes a finished build.
type Result struct {
	Prefix            string   `json:"-"`
	Ollama            string   `json:"ollama"`    // version that bin/ollama reports
	LlamaCpp          string   `json:"llama_cpp"` // commit of the sources
	LlamaServer       string   `json:"llama_server"`
	CPU               string   `json:"cpu"` // instruction sets, or "all variants"
	Backends          []string `json:"backends"`
	CUDA              string   `json:"cuda,omitempty"` // version of the toolkit
	CUDAArchitectures string   `json:"cuda_architectures,omitempty"`
	FlashHead         bool     `json:"flash_head"`          // false for a stock build
	FHOllama          string   `json:"fh_ollama,omitempty"` // version of the builder
	BuildDir          string   `json:"-"`
	FilesReplaced     int      `json:"-"` // 0 if the prefix was up to date
}

// DefaultCache is the folder that FH_OLLAMA_CACHE names, or fh-ollama in the user's cache folder.
func DefaultCache() (string, error) { return atomicfile.CacheFolder() }

// withDefaults fills in what is not set and makes paths absolute.
func (o Options) withDefaults() (Options, error) {
	var err error
	if o.Prefix == "" {
		o.Prefix = "dist"
		if o.Stock {
			o.Prefix = "dist-stock"
		}
	}
	if o.Prefix, err = filepath.Abs(o.Prefix); err != nil {
		return o, err
	}
	if o.Jobs == 0 {
		o.Jobs = processors.Usable()
	}
	if o.CPUVariants == "" {
		o.CPUVariants = CPUNative
	}
	if len(o.Backends) == 0 {
		o.Backends = defaultBackends(platform{runtime.GOOS, runtime.GOARCH})
	}
	if o.Version == "" {
		o.Version = "0.0.0"
	}
	if o.Cache == "" {
		if o.Cache, err = DefaultCache(); err != nil {
			return o, err
		}
	}
	o.Cache, err = filepath.Abs(o.Cache)
	return o, err
}

// build is one run of Build or BuildPlugin.
type build struct {
	opts    Options
	pins    Pins
	overlay Overlay
	steps   *Steps

	tools    Toolchain
	cpuFlags []string
	cuda     cudaToolkit // if it is asked for
	ollama   source
	llamaCpp source
	dir      string   // build folder in the cache
	treeKey  string   // digest of the names in the llama.cpp tree
	files    []string // of the prefix, once assembled
	variant  string   // the CPU backend that is chosen here, of a build with all
	result   Result
}

// Build makes what opts says and returns what it made. The display of steps goes to steps.
func Build(ctx context.Context, opts Options, pins Pins, overlay Overlay, steps *Steps) (Result, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return Result{}, err
	}
	if err := makeCache(opts.Cache); err != nil {
		return Result{}, err
	}
	b := &build{opts: opts, pins: pins, overlay: overlay, steps: steps}
	b.result = Result{Prefix: opts.Prefix, FlashHead: !opts.Stock, FHOllama: opts.Version, Backends: opts.Backends}
	err = b.do(ctx, []namedStep{
		{"tools", b.findTools},
		{"ollama source", b.fetchOllama},
		{"llama.cpp source", b.fetchLlamaCpp},
	})
	if err != nil {
		return Result{}, err
	}
	if err := preparePrefix(opts.Prefix); err != nil {
		return Result{}, err
	}
	b.dir = filepath.Join(opts.Cache, "build", b.key())
	b.result.BuildDir = b.dir
	unlock, err := b.lock()
	if err != nil {
		return Result{}, err
	}
	defer unlock()
	rest := []namedStep{
		{"lay sources", b.laySources},
		{"configure", b.configure},
		{"compile llama.cpp", b.compileLlamaCpp},
	}
	if opts.has(BackendCUDA) {
		rest = append(rest,
			namedStep{"configure CUDA", func(ctx context.Context, st *Step) error { return b.configureCUDA(ctx, st) }},
			namedStep{"compile CUDA", b.compileCUDA})
	}
	err = b.do(ctx, b.strict(append(rest,
		namedStep{"compile ollama", b.compileOllama},
		namedStep{"assemble", b.assemble},
		namedStep{"check", b.check},
	)))
	return b.result, err
}

func makeCache(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return hint.Wrap(err, "name a writable folder for downloads and builds in FH_OLLAMA_CACHE")
	}
	if !process.Trusted(dir) {
		return hint.New(dir+" may be written by another user, who could change what is built", "name a folder of your own in FH_OLLAMA_CACHE")
	}
	return nil
}

type namedStep struct {
	name string
	do   func(context.Context, *Step) error
}

// do runs steps in order and stops at the first that fails.
func (b *build) do(ctx context.Context, steps []namedStep) error {
	for _, s := range steps {
		if err := b.steps.Do(s.name, func(st *Step) error { return s.do(ctx, st) }); err != nil {
			return err
		}
	}
	return nil
}

func (b *build) findTools(ctx context.Context, st *Step) (err error) {
	if b.tools, err = FindToolchain(); err != nil {
		return err
	}
	if b.opts.CPUVariants == CPUAll {
		b.cpuFlags = []string{"-DGGML_CPU_ALL_VARIANTS=ON"}
		b.result.CPU = "all variants"
	} else {
		macros, err := hostMacros(ctx, b.tools.CC, runtime.GOARCH)
		if err != nil {
			return err
		}
		b.cpuFlags, b.result.CPU = NativeFlags(runtime.GOARCH, macros.without(b.opts.Without, runtime.GOARCH))
	}
	if b.opts.has(BackendCUDA) {
		if b.cuda, err = findCUDA(ctx); err != nil {
			return err
		}
	}
	b.noteLauncher(st)
	return nil
}

func (b *build) noteLauncher(st *Step) {
	if launcher := b.tools.CXX.Launcher; launcher != "" {
		st.Note("with %s", program(launcher))
	} else {
		st.Note("without ccache")
	}
}

func (b *build) fetchOllama(ctx context.Context, st *Step) (err error) {
	if dir := b.opts.OllamaSource; dir != "" {
		b.ollama, err = ownSource(ctx, b.tools.Git, dir, "llama/server/CMakeLists.txt")
		st.Note("%s", b.ollama.dir)
	} else {
		b.ollama, err = fetchOllama(ctx, st, b.tools.Go, b.pins.Ollama, b.opts.Cache, b.fetchLog("ollama"))
	}
	b.result.Ollama = strings.TrimPrefix(b.ollama.version, "v")
	if !b.opts.Stock {
		b.result.Ollama += "+flashhead." + b.opts.Version
	}
	return err
}

func (b *build) fetchLlamaCpp(ctx context.Context, st *Step) (err error) {
	if dir := b.opts.LlamaCppSource; dir != "" {
		b.llamaCpp, err = ownSource(ctx, b.tools.Git, dir, "src/llama-model.cpp")
		st.Note("%s", b.llamaCpp.dir)
	} else {
		b.llamaCpp, err = fetchLlamaCpp(ctx, st, b.pins.LlamaCpp, b.opts.Cache)
	}
	b.result.LlamaCpp = b.llamaCpp.version
	return err
}

func (b *build) fetchLog(name string) string {
	return filepath.Join(b.opts.Cache, "logs", "fetch-"+name+".log")
}

func (b *build) log(name string) string { return filepath.Join(b.dir, "logs", name+".log") }

// key names the build folder: everything that asks for a build of its own. The overlay is not in it, so that a changed
// kernel compiles itself and nothing else; prefixes and backends are not in it, so that they share.
func (b *build) key() string {
	data, _ := json.Marshal([]any{b.ollama.dir, b.pins.Ollama.Sum, b.llamaCpp.dir, b.opts.Stock,
		b.cpuFlags, b.tools.CC.cmake(), b.tools.CXX.cmake()})
	sum := sha256.Sum256(data)
	kind := "flashhead"
	if b.opts.Stock {
		kind = "stock"
	}
	return kind + "-" + hex.EncodeToString(sum[:6])
}

// scratchPrefix begins the names of temporary folders in a build folder.
const scratchPrefix = "scratch-"

// lock keeps two builds out of one folder; the second one waits. What a killed build left there is removed.
func (b *build) lock() (unlock func(), err error) {
	if err := os.MkdirAll(b.dir, 0o755); err != nil {
		return nil, err
	}
	unlock, err = lockedfile.MutexAt(filepath.Join(b.dir, "lock")).Lock()
	if err != nil {
		return nil, err
	}
	if err := removeLeftovers(b.dir, scratchPrefix); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// laySources plans both trees and brings their folders up to date. Nothing is written before every patch applied.
func (b *build) laySources(ctx context.Context, st *Step) error {
	ollama, pristine := Tree{}, Tree{}
	if err := ollama.AddDir("", b.ollama.dir, b.ollama.skip); err != nil {
		return err
	}
	if err := pristine.AddDir("", b.llamaCpp.dir, b.llamaCpp.skip); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(b.dir, scratchPrefix+"*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	cured, notes, err := b.cured(ctx, pristine, scratch)
	var llama Tree
	patches := 0
	if err == nil {
		llama, patches, err = b.patched(ctx, cured, scratch)
	}
	if errors.Is(err, errDoesNotApply) {
		way := "the pinned sources and the patches of this version do not fit: please report it"
		if b.opts.OllamaSource != "" || b.opts.LlamaCppSource != "" {
			way = "the patches were written for other sources; leave out --llama-cpp-source and --ollama-source to use the pinned ones"
		}
		return hint.Wrap(err, way)
	}
	if err != nil {
		return err
	}
	ollamaStats, err := ollama.Sync(b.ollamaTree())
	if err != nil {
		return err
	}
	llamaStats, err := llama.Sync(b.llamaTree())
	if err != nil {
		return err
	}
	b.treeKey = llama.namesKey()
	changed := ollamaStats.Written + ollamaStats.Removed + llamaStats.Written + llamaStats.Removed
	notes = append([]string{count(patches, "patch", "patches"), count(changed, "file changed", "files changed")}, notes...)
	st.Note("%s", strings.Join(notes, ", "))
	return nil
}

// patched is the tree with the head laid over it, unless the build is stock, and with Ollama's own patches. It counts
// ours. Ollama's come last, as its build would apply them to a tree that it is given; it is told that they are there
// (configure.go), so that re-running does not touch the files once more.
func (b *build) patched(ctx context.Context, llama Tree, scratch string) (_ Tree, ours int, err error) {
	if !b.opts.Stock {
		series, err := ReadSeries(b.overlay.Patches, b.pins.Patches.Series)
		if err != nil {
			return nil, 0, err
		}
		p := patcher{git: b.tools.Git, scratch: filepath.Join(scratch, "head")}
		if llama, err = b.overlay.over(ctx, llama, series, p); err != nil {
			return nil, 0, err
		}
		ours = len(series)
	}
	compat, err := compatPatches(os.DirFS(b.ollama.dir))
	if err != nil {
		return nil, 0, err
	}
	p := patcher{git: b.tools.Git, scratch: filepath.Join(scratch, "compat"), applied: true}
	llama, err = p.apply(ctx, llama, compat)
	return llama, ours, err
}

// over lays the head's sources and a series of patches over a tree of llama.cpp.
func (o Overlay) over(ctx context.Context, llama Tree, series []Patch, p patcher) (Tree, error) {
	if err := llama.Add("flashhead", o.Head, goFiles); err != nil {
		return nil, err
	}
	return p.apply(ctx, llama, series)
}

// goFiles are those that embed the head's sources, no part of it.
func goFiles(name string, dir bool) bool { return !dir && strings.HasSuffix(name, ".go") }

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (b *build) ollamaTree() string { return filepath.Join(b.dir, "ollama") }
func (b *build) llamaTree() string  { return filepath.Join(b.dir, "llama.cpp") }
func (b *build) nativeDir() string  { return filepath.Join(b.dir, "native") }
