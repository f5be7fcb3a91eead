package build

import (
	"context"
	"errors"
	"fmt"
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

// As in Ollama, the CUDA backend is a build of its own, configured with one of Ollama's presets. Only the backend is
// compiled and installed, with the CUDA libraries that it needs, into a folder of lib/ollama that is named by CUDA's
// major version. Ollama finds such folders and puts the path of the library into GGML_BACKEND_PATH.

// cudaToolkit is an installed CUDA.
type cudaToolkit struct {
	nvcc    Compiler
	root    string // for CMake; "" if nvcc is not in a toolkit's folder
	version string // major.minor
}

// runner is the name of the backend's folder.
func (c cudaToolkit) runner() string {
	major, _, _ := strings.Cut(c.version, ".")
	return "cuda_v" + major
}

var nvccRelease = regexp.MustCompile(`release ([0-9]+\.[0-9]+)`)

const cudaHint = "install CUDA 12 or 13, name its nvcc in CUDACXX, or leave cuda out of --backends"

// findCUDA looks for a toolkit in the same places as CMake, and asks nvcc for its version.
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
	toolkit := cudaToolkit{nvcc: nvcc, root: toolkitRoot(nvcc.Path), version: string(release[1])}
	if !slices.Contains([]string{"cuda_v12", "cuda_v13"}, toolkit.runner()) {
		return cudaToolkit{}, hint.New("Ollama has no preset for CUDA "+toolkit.version, cudaHint)
	}
	return toolkit, nil
}

// findNVCC returns the compiler that CUDACXX names, or else the first that exists.
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

// toolkitRoot is the parent of nvcc's folder, with links resolved, if it has the headers.
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

// gpuArchitectures are those of this machine's GPUs, as a CMake list; "" without GPU or driver.
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

// parseCapabilities turns lines like 8.6 into a list like 86;90. It ignores other lines.
func parseCapabilities(text string) string {
	found := map[string]bool{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); capability.MatchString(line) {
			found[strings.ReplaceAll(line, ".", "")] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(found)), ";")
}

// preset is the name of Ollama's preset for the toolkit: with own, the one that leaves the architectures to us.
func (c cudaToolkit) preset(own bool) string {
	if own {
		return "llama_" + c.runner() + "_user_arch"
	}
	return "llama_" + c.runner() + "_linux"
}

// cudaArgs are CMake's arguments for the backend. architectures may be "".
func (b *Builder) cudaArgs(architectures string) []string {
	args := append(b.cmakeArgs(b.cudaDir()), "--preset", b.cuda.preset(architectures != ""))
	if b.cuda.root != "" {
		args = append(args, "-DCUDAToolkit_ROOT="+b.cuda.root)
	}
	if architectures != "" {
		args = append(args, "-DCMAKE_CUDA_ARCHITECTURES="+architectures)
	}
	return append(args, compilerArgs("CUDA", b.cuda.nvcc)...)
}

func (b *Builder) cudaDir() string { return filepath.Join(b.Dir, b.cuda.runner()) }

func (b *Builder) configureCUDA(ctx context.Context, st *step.Step) error {
	architectures := b.Options.CUDAArchitectures
	if architectures == "" {
		architectures = gpuArchitectures(ctx)
	}
	b.result.CUDA = b.cuda.version
	if b.result.CUDAArchitectures = architectures; architectures == "" {
		b.result.CUDAArchitectures = "all of Ollama's"
	}
	st.Note("CUDA %s, architectures: %s", b.result.CUDA, b.result.CUDAArchitectures)
	return b.cmake(ctx, st, b.cudaDir(), "configure-cuda", b.cudaArgs(architectures))
}

// compileCUDA compiles the backend. Ollama's rules collect it, with the libraries that it needs, in a folder.
func (b *Builder) compileCUDA(ctx context.Context, st *step.Step) error {
	if err := b.ninja(ctx, st, b.cudaDir(), "compile-cuda", []string{"ggml-cuda"}); err != nil {
		return err
	}
	if err := os.RemoveAll(b.cudaStage()); err != nil {
		return err
	}
	return step.Command{
		Path: b.Tools.CMake,
		Args: []string{"--install", b.cudaDir(), "--prefix", b.cudaStage(), "--component", "llama-server"},
		Dir:  b.Dir, Log: b.Log("install-cuda"),
	}.Run(ctx)
}

func (b *Builder) cudaStage() string { return b.cudaDir() + "-installed" }

// cudaProducts lists what compileCUDA collected.
func (b *Builder) cudaProducts() (list []product, err error) {
	folder := "lib/ollama/" + b.cuda.runner()
	list, err = productsIn(filepath.Join(b.cudaStage(), filepath.FromSlash(folder)), folder,
		func(string) bool { return true })
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(list, func(p product) bool { return p.to == folder+"/libggml-cuda.so" }) {
		return nil, errors.New("no libggml-cuda.so was installed by Ollama's rules")
	}
	return list, nil
}
