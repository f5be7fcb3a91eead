package build

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/fh-ollama/fh-ollama/ggmlhead"
	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
	"github.com/fh-ollama/fh-ollama/patches"
	"github.com/fh-ollama/fh-ollama/plugin/source/sourcetest"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// TestCUDACompiles compiles our CUDA sources and those that patches touch, without a GPU: configured as by `fh-ollama
// build --backends cuda`, for three generations of GPUs, with warnings as errors. NVIDIA's compiler comes from Python
// packages (third_party/cuda.txt).
func TestCUDACompiles(t *testing.T) {
	testlevel.Long(t)
	if testing.Short() {
		t.Skip("compiles CUDA; not with -short")
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("NVIDIA's packages are for Linux on x86-64 and aarch64")
	}
	cache, err := atomicfile.CacheFolder()
	if err != nil {
		t.Fatal(err)
	}
	steps := step.New(t.Output())
	var nvcc string
	err = steps.Do("CUDA compiler", func(st *step.Step) (err error) {
		nvcc, err = fetchNVCC(t.Context(), st, cache)
		return err
	})
	if err != nil {
		t.Fatalf("%v\n  %s", err, hint.Of(err))
	}
	t.Setenv("CUDACXX", nvcc)

	opts, err := Options{Cache: cache, Backends: []string{BackendCPU, BackendCUDA},
		CUDAArchitectures: "75;86;90"}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	b := &Builder{Options: opts, Pins: sourcetest.Pins(t), Steps: steps,
		extra:   []string{"-DCMAKE_CUDA_FLAGS=-Werror all-warnings"},
		Overlay: tree.Overlay{Head: ggmlhead.Sources, Patches: patches.Files}}
	if err := b.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = b.DoIn(t.Context(), filepath.Join(cache, "build", "cuda-check"), []step.Named{
		{Name: "lay sources", Do: b.LaySources},
		{Name: "configure", Do: b.configureCUDA},
		{Name: "compile", Do: func(ctx context.Context, st *step.Step) error {
			sources, err := b.cudaSources()
			if err != nil {
				return err
			}
			t.Logf("to compile: %s", strings.Join(sources, ", "))
			for i, name := range sources {
				// What ninja makes first of the source; it fails if CMake did not take it up.
				sources[i] = filepath.Join(b.LlamaTree(), filepath.FromSlash(name)) + "^"
			}
			return b.ninja(ctx, st, b.cudaDir(), "compile", sources)
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// cudaSources are our CUDA sources and those that our patches touch, relative to the tree.
func (b *Builder) cudaSources() ([]string, error) {
	series, err := tree.ReadSeries(b.Overlay.Patches, b.Pins.Patches.Series)
	if err != nil {
		return nil, err
	}
	sources := slices.DeleteFunc(tree.NamedFiles(series), func(name string) bool {
		return !strings.HasPrefix(name, "ggml/src/ggml-cuda/") || !strings.HasSuffix(name, ".cu")
	})
	ours, err := fs.Glob(b.Overlay.Head, "ggml/cuda/*.cu")
	if err != nil {
		return nil, err
	}
	if len(sources) == 0 || len(ours) == 0 {
		return nil, fmt.Errorf("%d sources in ggmlhead/ggml/cuda, %d that patches touch in ggml-cuda", len(ours),
			len(sources))
	}
	for _, name := range ours {
		sources = append(sources, "flashhead/"+name)
	}
	return sources, nil
}

// fetchNVCC returns the path of NVIDIA's compiler in the cache. The packages are arranged like an installed toolkit,
// for CMake. The libraries are empty, because nothing is linked.
func fetchNVCC(ctx context.Context, st *step.Step, cache string) (string, error) {
	unlock, err := lockedfile.MutexAt(filepath.Join(cache, "fetch.lock")).Lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	requirements, err := filepath.Abs("../../third_party/cuda.txt")
	if err != nil {
		return "", err
	}
	pinned, err := os.ReadFile(requirements)
	if err != nil {
		return "", err
	}
	toolkit := filepath.Join(cache, "src", fmt.Sprintf("cuda-%x", sha256.Sum256(pinned))[:21])
	nvcc := filepath.Join(toolkit, "bin", "nvcc")
	if _, err := os.Stat(nvcc); err == nil {
		return nvcc, nil
	}
	st.Note("570 MB, once")
	python, err := exec.LookPath("python3")
	if err != nil {
		return "", hint.Wrap(err, "install Python 3 with pip, which fetches NVIDIA's compiler")
	}
	if err := os.MkdirAll(filepath.Dir(toolkit), 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(toolkit), ".cuda-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	laid := filepath.Join(tmp, "nvidia", "cu13")
	err = step.Command{
		Path: python,
		Args: []string{"-m", "pip", "install", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--no-input",
			"--no-cache-dir", "--progress-bar", "off", "-r", requirements, "--target", tmp},
		Dir: tmp, Log: filepath.Join(cache, "logs", "fetch-cuda.log"),
	}.Run(ctx)
	if err != nil {
		return "", hint.Wrap(err, "check the network and pip's settings: NVIDIA's compiler is fetched once")
	}
	libraries, err := filepath.Glob(filepath.Join(laid, "lib", "libcublas*")) // 600 MB
	if err != nil {
		return "", err
	}
	for _, library := range libraries {
		if err := os.Remove(library); err != nil {
			return "", err
		}
	}
	for _, name := range []string{"libcudart.so", "libcublas.so", "libcublasLt.so", "stubs/libcuda.so"} {
		name = filepath.Join(laid, "lib", filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, nil, 0o644)); err != nil {
			return "", err
		}
	}
	return nvcc, os.Rename(laid, toolkit)
}
