package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// A GPU's backend is a build of its own, as in Ollama: configured with one of Ollama's presets, of which only the backend
// is compiled and installed, with the libraries of CUDA that it needs, into a folder below lib/ollama that is named by the
// major version of CUDA. Ollama finds such folders by itself and names the library in GGML_BACKEND_PATH.

// cudaToolkit is a CUDA that is installed on this machine.
type cudaToolkit struct {
	nvcc    Compiler
	root    string // the folder that CMake is told to look in; "" if nvcc is not in a toolkit's usual place
	version string // major.minor
}

// runner is the name of its folder in Ollama's layout.
func (c cudaToolkit) runner() string {
	major, _, _ := strings.Cut(c.version, ".")
	return "cuda_v" + major
}

var nvccRelease = regexp.MustCompile(`release ([0-9]+\.[0-9]+)`)

const cudaHint = "install CUDA 12 or 13, name its nvcc in CUDACXX, or leave cuda out of --backends"

// findCUDA looks for a toolkit where CMake would, and asks it for its version.
func findCUDA(ctx context.Context) (cudaToolkit, error) {
	nvcc, err := findNVCC()
	if err != nil {
		return cudaToolkit{}, hint.Wrap(err, cudaHint)
	}
	cmd := exec.CommandContext(ctx, nvcc.Path, "--version")
	cmd.Env = process.Environment()
	text, err := cmd.Output()
	if ctx.Err() != nil {
		return cudaToolkit{}, ctx.Err()
	}
	if err != nil {
		return cudaToolkit{}, hint.Wrap(fmt.Errorf("%s --version: %w", nvcc.Path, err), cudaHint)
	}
	release := nvccRelease.FindSubmatch(text)
	if release == nil {
		return cudaToolkit{}, hint.New(nvcc.Path+" --version names no release", cudaHint)
	}
	return cudaToolkit{nvcc: nvcc, root: toolkitRoot(nvcc.Path), version: string(release[1])}, nil
}

// findNVCC returns the compiler that CUDACXX names, or else the first that there is.
func findNVCC() (Compiler, error) {
	if named := os.Getenv("CUDACXX"); named != "" {
		nvcc, ok := findCompiler("CUDACXX", nil)
		if !ok {
			_, err := exec.LookPath(named)
			return nvcc, fmt.Errorf("no CUDA toolkit: %w", err)
		}
		return nvcc, nil
	}
	var places []string
	for _, root := range []string{os.Getenv("CUDAToolkit_ROOT"), os.Getenv("CUDA_PATH")} {
		if root != "" {
			places = append(places, filepath.Join(root, "bin", "nvcc"))
		}
	}
	if nvcc, ok := findCompiler("", append(places, "nvcc", "/usr/local/cuda/bin/nvcc", "/opt/cuda/bin/nvcc")); ok {
		return nvcc, nil
	}
	return Compiler{}, errors.New("no CUDA toolkit: nvcc is neither in PATH nor in /usr/local/cuda")
}

// toolkitRoot is the folder above the one with nvcc, links resolved, if the headers are there too.
func toolkitRoot(nvcc string) string {
	path, err := filepath.EvalSymlinks(nvcc)
	if err != nil {
		return ""
	}
	root := filepath.Dir(filepath.Dir(path))
	if _, err := os.Stat(filepath.Join(root, "include", "cuda_runtime.h")); err != nil {
		return ""
	}
	return root
}

// architectures are those of the GPUs of this machine, as CMake lists them; "" if there are none or no driver.
func gpuArchitectures(ctx context.Context) string {
	cmd := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader")
	cmd.Env = process.Environment()
	text, err := cmd.Output()
	if err != nil {
		return ""
	}
	return parseCapabilities(string(text))
}

var capability = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)

// parseCapabilities turns lines like 8.6 into 86;90, without repetitions; lines that are none count for nothing.
func parseCapabilities(text string) string {
	found := map[string]bool{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); capability.MatchString(line) {
			found[strings.ReplaceAll(line, ".", "")] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(found)), ";")
}

// cudaPreset is the name of Ollama's preset for a toolkit: the one with Ollama's list of architectures, or, if own, the
// one that leaves them to us. presets is Ollama's CMakePresets.json.
func cudaPreset(presets []byte, runner string, own bool) (string, error) {
	var file struct {
		ConfigurePresets []struct{ Name string }
	}
	if err := json.Unmarshal(presets, &file); err != nil {
		return "", fmt.Errorf("CMakePresets.json: %w", err)
	}
	want := "llama_" + runner + "_linux"
	if own {
		want = "llama_" + runner + "_user_arch"
	}
	for _, p := range file.ConfigurePresets {
		if p.Name == want {
			return want, nil
		}
	}
	return "", hint.New(fmt.Sprintf("this Ollama has no preset %s: it does not build for this version of CUDA", want), cudaHint)
}

// cudaArgs are CMake's arguments, to be used in a tree of Ollama.
func cudaArgs(ollamaTree, llamaTree, dir, commit, preset, architectures string, cuda cudaToolkit, tools Toolchain) []string {
	args := []string{
		"-S", filepath.Join(ollamaTree, "llama", "server"), "--preset", preset, "-B", dir, "-G", "Ninja",
		"-DCMAKE_MAKE_PROGRAM=" + tools.Ninja,
		"-DFETCHCONTENT_SOURCE_DIR_LLAMA_CPP=" + llamaTree,
		"-DOLLAMA_LLAMA_CPP_SKIP_COMPAT_PATCH=ON",
		"-DLLAMA_BUILD_COMMIT=" + commit,
		"-DLLAMA_BUILD_NUMBER=0",
	}
	if cuda.root != "" {
		args = append(args, "-DCUDAToolkit_ROOT="+cuda.root)
	}
	if architectures != "" {
		args = append(args, "-DCMAKE_CUDA_ARCHITECTURES="+architectures)
	}
	return slices.Concat(args, compilerArgs("C", tools.CC), compilerArgs("CXX", tools.CXX), compilerArgs("CUDA", cuda.nvcc))
}

func (b *Builder) cudaDir() string { return filepath.Join(b.Dir, b.cuda.runner()) }

// configureCUDA configures the backend's own build; extra are more arguments for CMake.
func (b *Builder) configureCUDA(ctx context.Context, st *step.Step, extra ...string) error {
	architectures := b.Options.CUDAArchitectures
	if architectures == "" {
		architectures = gpuArchitectures(ctx)
	}
	presets, err := os.ReadFile(filepath.Join(b.OllamaTree(), "llama", "server", "CMakePresets.json"))
	if err != nil {
		return err
	}
	preset, err := cudaPreset(presets, b.cuda.runner(), architectures != "")
	if err != nil {
		return err
	}
	b.result.CUDA = b.cuda.version
	if b.result.CUDAArchitectures = architectures; architectures == "" {
		b.result.CUDAArchitectures = "all of Ollama's"
	}
	st.Note("CUDA %s, architectures: %s", b.result.CUDA, b.result.CUDAArchitectures)
	args := append(cudaArgs(b.OllamaTree(), b.LlamaTree(), b.cudaDir(), b.LlamaCpp.Version, preset, architectures, b.cuda, b.Tools), extra...)
	return b.cmake(ctx, st, b.cudaDir(), "configure-cuda", args, "OLLAMA_LLAMA_CPP_SOURCE="+b.LlamaTree())
}

// compileCUDA compiles the backend and lets Ollama's rules collect it and what it needs of CUDA in a folder.
func (b *Builder) compileCUDA(ctx context.Context, st *step.Step) error {
	if err := b.ninja(ctx, st, b.cudaDir(), "compile-cuda", []string{"ggml-cuda"}, "OLLAMA_LLAMA_CPP_SOURCE="+b.LlamaTree()); err != nil {
		return err
	}
	if err := os.RemoveAll(b.cudaStage()); err != nil {
		return err
	}
	return step.Command{
		Path: b.Tools.CMake, Args: []string{"--install", b.cudaDir(), "--prefix", b.cudaStage(), "--component", "llama-server"},
		Dir: b.Dir, Log: b.Log("install-cuda"),
	}.Run(ctx)
}

func (b *Builder) cudaStage() string { return b.cudaDir() + "-installed" }

// cudaProducts lists what compileCUDA collected.
func (b *Builder) cudaProducts() (list []product, err error) {
	folder := "lib/ollama/" + b.cuda.runner()
	entries, err := os.ReadDir(filepath.Join(b.cudaStage(), filepath.FromSlash(folder)))
	if err != nil {
		return nil, err
	}
	backend := false
	for _, e := range entries {
		p, err := newProduct(folder+"/"+e.Name(), filepath.Join(b.cudaStage(), filepath.FromSlash(folder), e.Name()), e.Type()&fs.ModeSymlink != 0)
		if err != nil {
			return nil, err
		}
		backend = backend || e.Name() == "libggml-cuda.so"
		list = append(list, p)
	}
	if !backend {
		return nil, errors.New("no libggml-cuda.so was installed by the rules of Ollama")
	}
	return list, nil
}
