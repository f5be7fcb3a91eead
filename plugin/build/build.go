// Package build makes an Ollama with FlashHead (Ollama), or the plug-in for a stock one (Plugin).
//
// Sources (package source) become a planned tree (package tree) and then a folder in the cache. The folder is
// configured and compiled. Its products are assembled in a prefix and checked. Each step compares before it writes, so
// it does only what is missing.
package build

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
	"github.com/fh-ollama/fh-ollama/internal/processors"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// Values of Options.CPUVariants.
const (
	CPUNative = "native" // one CPU backend, for this machine's processor
	CPUAll    = "all"    // all of ggml's; the best is chosen when a model loads
)

// testTargets are the test programs, benches and what the integration tests need, for a build with Options.Tests.
var testTargets = []string{"test-flash-head", "test-flash-head-dense", "test-flash-head-map", "test-flash-head-map-file",
	"test-flash-head-cluster", "test-flash-head-calibrate", "test-flash-head-codes", "test-flash-head-sampling",
	"test-flash-head-rpc", "test-fake-backend", "bench-flash-head", "tiny-models", "tiny-tokens",
	"llama-batched-bench", "llama-gguf-split"}

// kernelTargets test the GPU kernels on fibers of the CPU, which exist on Linux only.
var kernelTargets = []string{"test-flash-head-cuda", "test-flash-head-cuda64", "test-flash-head-metal"}

// upstreamTargets are the programs of every build.
var upstreamTargets = []string{"llama-server", "llama-bench", "llama-perplexity", "llama-quantize"}

// Options of a build. The zero value of a field means its default.
type Options struct {
	Prefix            string   // folder of the result; default: "dist", or "dist-stock" with Stock
	Stock             bool     // without FlashHead
	OllamaSource      string   // checkout to use instead of the pinned module
	LlamaCppSource    string   // checkout to use instead of the pinned tree
	Jobs              int      // parallel compilers; default: the number of processors
	CPUVariants       string   // CPUNative (default) or CPUAll
	Without           []string // instruction sets to leave out, from ParseWithout
	Backends          []string // from ParseBackends; default: those of this machine
	CUDAArchitectures string   // CMake's list; default: this machine's GPUs, or Ollama's list
	Cache             string   // downloads and build folders; default: atomicfile.CacheFolder()
	Version           string   // of fh-ollama, appended to Ollama's version
	Program           string   // path of fh-ollama, to be copied into the prefix; "" for none
	Tests             bool     // build and install the test programs and benches too
	Strict            bool     // warnings in the head's own sources are errors
}

// Result describes a finished build of Ollama.
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

// withDefaults fills in defaults and makes paths absolute.
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
		if o.Backends, err = ParseBackends(nil, runtime.GOOS, runtime.GOARCH); err != nil {
			return o, err
		}
	}
	if o.Version == "" {
		o.Version = "0.0.0"
	}
	if o.Cache == "" {
		if o.Cache, err = atomicfile.CacheFolder(); err != nil {
			return o, err
		}
	}
	o.Cache, err = filepath.Abs(o.Cache)
	return o, err
}

// Builder is one run of a build. Its methods are the steps, which fill in the fields.
type Builder struct {
	Options Options
	Pins    source.Pins
	Overlay tree.Overlay
	Steps   *step.Steps

	Tools    Toolchain
	cpuFlags []string
	cuda     cudaToolkit // if requested
	Ollama   source.Folder
	LlamaCpp source.Folder
	Dir      string   // build folder in the cache
	treeKey  string   // hash of the file names in the tree of llama.cpp
	extra    []string // more arguments for CMake, of tests
	files    []string // in the prefix, once assembled
	result   Result
}

// Ollama builds Ollama as opts says, checks it, and returns what it built.
func Ollama(
	ctx context.Context, opts Options, pins source.Pins, overlay tree.Overlay, steps *step.Steps,
) (Result, error) {
	b, err := New(opts, pins, overlay, steps)
	if err != nil {
		return Result{}, err
	}
	opts = b.Options
	b.result = Result{Prefix: opts.Prefix, FlashHead: !opts.Stock, FHOllama: opts.Version, Backends: opts.Backends}
	if err := b.Fetch(ctx); err != nil {
		return Result{}, err
	}
	if err := preparePrefix(opts.Prefix); err != nil {
		return Result{}, err
	}
	rest := []step.Named{
		{Name: "lay sources", Do: b.LaySources},
		{Name: "configure", Do: b.Configure},
		{Name: "compile llama.cpp", Do: b.compileLlamaCpp},
	}
	if opts.has(BackendCUDA) {
		rest = append(rest,
			step.Named{Name: "configure CUDA", Do: b.configureCUDA},
			step.Named{Name: "compile CUDA", Do: b.compileCUDA})
	}
	b.result.BuildDir = filepath.Join(opts.Cache, "build", b.Key())
	err = b.DoIn(ctx, b.result.BuildDir, append(rest,
		step.Named{Name: "compile ollama", Do: b.compileOllama},
		step.Named{Name: "assemble", Do: b.assemble},
		step.Named{Name: "check", Do: b.check},
	))
	return b.result, err
}

// New returns a Builder with the defaults of opts, and makes the folder for downloads and builds.
func New(opts Options, pins source.Pins, overlay tree.Overlay, steps *step.Steps) (*Builder, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Builder{Options: opts, Pins: pins, Overlay: overlay, Steps: steps}, makeCache(opts.Cache)
}

// Fetch finds the tools and both sources.
func (b *Builder) Fetch(ctx context.Context) error {
	return b.Steps.DoAll(ctx, []step.Named{
		{Name: "tools", Do: b.FindTools},
		{Name: "ollama source", Do: b.FetchOllama},
		{Name: "llama.cpp source", Do: b.FetchLlamaCpp},
	})
}

func makeCache(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return hint.Wrap(err, "name a writable folder for downloads and builds in FH_OLLAMA_CACHE")
	}
	if !process.Trusted(dir) {
		return hint.New(dir+" is writable by another user, who could change the build",
			"name a folder of your own in FH_OLLAMA_CACHE")
	}
	return nil
}

// FindTools is the step that sets Tools, and chooses the instruction sets and CUDA.
func (b *Builder) FindTools(ctx context.Context, st *step.Step) (err error) {
	if b.Tools, err = FindToolchain(); err != nil {
		return err
	}
	if b.Options.CPUVariants == CPUAll {
		b.cpuFlags = []string{"-DGGML_CPU_ALL_VARIANTS=ON"}
		b.result.CPU = "all variants"
	} else {
		macros, err := hostMacros(ctx, b.Tools.CC, runtime.GOARCH)
		if err != nil {
			return err
		}
		b.cpuFlags, b.result.CPU = nativeFlags(runtime.GOARCH, macros.without(b.Options.Without, runtime.GOARCH))
	}
	if b.Options.has(BackendCUDA) {
		if b.cuda, err = findCUDA(ctx); err != nil {
			return err
		}
	}
	b.noteLauncher(st)
	return nil
}

func (b *Builder) noteLauncher(st *step.Step) {
	if launcher := b.Tools.CXX.Launcher; launcher != "" {
		st.Note("with %s", program(launcher))
	} else {
		st.Note("without ccache")
	}
}

// FetchOllama is the step that sets Ollama: the checkout that the user names, or the pinned module.
func (b *Builder) FetchOllama(ctx context.Context, st *step.Step) (err error) {
	if dir := b.Options.OllamaSource; dir != "" {
		b.Ollama, err = source.Own(ctx, b.Tools.Git, dir, "llama/server/CMakeLists.txt")
		st.Note("%s", b.Ollama.Dir)
	} else {
		b.Ollama, err = source.FetchOllama(ctx, st, b.Tools.Go, b.Pins.Ollama, b.Options.Cache, b.FetchLog("ollama"))
	}
	b.result.Ollama = strings.TrimPrefix(b.Ollama.Version, "v")
	if !b.Options.Stock {
		b.result.Ollama += "+flashhead." + b.Options.Version
	}
	return err
}

// FetchLlamaCpp is the step that sets LlamaCpp: the checkout that the user names, or the pinned tree.
func (b *Builder) FetchLlamaCpp(ctx context.Context, st *step.Step) (err error) {
	if dir := b.Options.LlamaCppSource; dir != "" {
		b.LlamaCpp, err = source.Own(ctx, b.Tools.Git, dir, "src/llama-model.cpp")
		st.Note("%s", b.LlamaCpp.Dir)
	} else {
		b.LlamaCpp, err = source.FetchLlamaCpp(ctx, st, b.Pins.LlamaCpp, b.Options.Cache)
	}
	b.result.LlamaCpp = b.LlamaCpp.Version
	return err
}

// FetchLog returns the path of a download's log in the cache.
func (b *Builder) FetchLog(name string) string {
	return filepath.Join(b.Options.Cache, "logs", "fetch-"+name+".log")
}

// Log returns the path of a step's log in the build folder.
func (b *Builder) Log(name string) string { return filepath.Join(b.Dir, "logs", name+".log") }

// Key names the build folder by everything that needs a folder of its own. It ignores the overlay, so that a changed
// kernel recompiles itself only, and prefix and backends, which share a folder.
func (b *Builder) Key() string {
	kind := "flashhead"
	if b.Options.Stock {
		kind = "stock"
	}
	return kind + "-" + Hash(b.Ollama.Dir, b.Pins.Ollama.Sum, b.LlamaCpp.Dir, b.Options.Stock,
		b.cpuFlags, b.Tools.CC.cmake(), b.Tools.CXX.cmake())
}

// Hash returns twelve hexadecimal digits that depend on values.
func Hash(values ...any) string {
	data, _ := json.Marshal(values)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:6])
}

// ScratchPrefix starts the names of temporary folders in a build folder.
const ScratchPrefix = "scratch-"

// DoIn runs steps in the build folder dir. Other builds in the same folder wait. What killed builds left there goes.
func (b *Builder) DoIn(ctx context.Context, dir string, list []step.Named) error {
	b.Dir = dir
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	unlock, err := b.Steps.Lock(ctx, filepath.Join(dir, "lock"))
	if err != nil {
		return err
	}
	defer unlock()
	if err := source.RemoveLeftovers(dir, ScratchPrefix); err != nil {
		return err
	}
	return b.Steps.DoAll(ctx, list)
}

// ollamaTree, LlamaTree and nativeDir return folders in the build folder: the patched sources, and where CMake builds.
func (b *Builder) ollamaTree() string { return filepath.Join(b.Dir, "ollama") }
func (b *Builder) LlamaTree() string  { return filepath.Join(b.Dir, "llama.cpp") }
func (b *Builder) nativeDir() string  { return filepath.Join(b.Dir, "native") }
