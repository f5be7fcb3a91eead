package build

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

// fakeCUDA is a toolkit whose compiler only prints its version.
func fakeCUDA(t *testing.T, says string) (root string) {
	t.Helper()
	root = filepath.Join(t.TempDir(), "cuda")
	for name, text := range map[string]string{
		"bin/nvcc":               "#!/bin/sh\necho '" + says + "'\n",
		"include/cuda_runtime.h": "",
	} {
		plugintest.Write(t, filepath.Join(root, name), text, 0o755)
	}
	return root
}

const nvccSays = "nvcc: NVIDIA (R) Cuda compiler driver\nCuda compilation tools, release 12.9, V12.9.86"

// nvcc is found in the same places as by CMake, named ones first.
func TestFindCUDA(t *testing.T) {
	root := fakeCUDA(t, nvccSays)
	other := fakeCUDA(t, "release 13.5")
	nvcc := filepath.Join(root, "bin", "nvcc")
	for name, env := range map[string]map[string]string{
		"by its path":         {"CUDACXX": nvcc, "PATH": filepath.Join(other, "bin")},
		"by the toolkit":      {"CUDAToolkit_ROOT": root, "PATH": filepath.Join(other, "bin")},
		"by NVIDIA's name":    {"CUDA_PATH": root, "PATH": filepath.Join(other, "bin")},
		"in PATH":             {"PATH": filepath.Join(root, "bin")},
		"by its name in PATH": {"CUDACXX": "nvcc", "CUDA_PATH": other, "PATH": filepath.Join(root, "bin")},
	} {
		t.Run(name, func(t *testing.T) {
			for _, name := range []string{"CUDACXX", "CUDAToolkit_ROOT", "CUDA_PATH"} {
				t.Setenv(name, env[name])
			}
			t.Setenv("PATH", env["PATH"]+":/bin:/usr/bin")
			got, err := findCUDA(t.Context())
			if want := (cudaToolkit{Compiler{Path: nvcc, Launcher: got.nvcc.Launcher}, root, "12.9"}); err != nil ||
				!reflect.DeepEqual(got, want) {
				t.Errorf("%+v, %v, want %+v", got, err, want)
			}
			if got.runner() != "cuda_v12" {
				t.Errorf("runner %s", got.runner())
			}
		})
	}
}

func TestFindCUDARefuses(t *testing.T) {
	for says, want := range map[string]string{"hello": "names no release", "release 11.8": "no preset for CUDA 11.8"} {
		t.Setenv("CUDACXX", filepath.Join(fakeCUDA(t, says), "bin", "nvcc"))
		if _, err := findCUDA(t.Context()); err == nil || !strings.Contains(err.Error(), want) || hint.Of(err) != cudaHint {
			t.Errorf("%v, hint %q", err, hint.Of(err))
		}
	}
}

func TestParseCapabilities(t *testing.T) {
	for text, want := range map[string]string{
		"8.6\n9.0\n8.6\n":                       "86;90",
		"12.0\n":                                "120",
		"":                                      "",
		"NVIDIA-SMI has failed\nN/A\n[Unknown]": "",
	} {
		if got := parseCapabilities(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Without a toolkit's folder, CMake looks for the toolkit itself.
func TestCUDAArgs(t *testing.T) {
	nvcc := filepath.Join(t.TempDir(), "bin", "nvcc")
	plugintest.Write(t, nvcc, "", 0o755)
	b := &Builder{Dir: "/b", cuda: cudaToolkit{Compiler{Path: nvcc}, toolkitRoot(nvcc), "13.5"}}
	args := strings.Join(b.cudaArgs("86;90"), " ")
	if !strings.Contains(args, "--preset llama_cuda_v13_user_arch -DCMAKE_CUDA_ARCHITECTURES=86;90 -DCMAKE_CUDA_COMPILER="+
		nvcc) {
		t.Error(args)
	}
}

// What Ollama's rules collected is installed, and removed by a build without CUDA.
func TestAssembleCUDA(t *testing.T) {
	b := testBuild(t)
	b.Options.Backends, b.cuda = []string{BackendCPU, BackendCUDA}, cudaToolkit{version: "13.5"}
	stage := filepath.Join(b.cudaStage(), "lib", "ollama", "cuda_v13")
	plugintest.Write(t, filepath.Join(stage, "libcudart.so.13.5.37"), "runtime", 0o644)
	if err := os.Symlink("libcudart.so.13.5.37", filepath.Join(stage, "libcudart.so.13")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.products(); err == nil || !strings.Contains(err.Error(), "no libggml-cuda.so") {
		t.Errorf("without the backend: %v", err)
	}
	plugintest.Write(t, filepath.Join(stage, "libggml-cuda.so"), "backend", 0o755)
	plain := 10 // files of the rest, as in TestAssemble
	if n := assembleOnce(t, b); n != plain+3 {
		t.Errorf("%d files", n)
	}
	folder := filepath.Join(b.Options.Prefix, "lib", "ollama", "cuda_v13")
	if to, err := os.Readlink(filepath.Join(folder, "libcudart.so.13")); err != nil || to != "libcudart.so.13.5.37" {
		t.Errorf("libcudart.so.13: %q, %v", to, err)
	}
	plugintest.Write(t, filepath.Join(stage, "libggml-cuda.so"), "BACKEND", 0o755) // same size
	if n := assembleOnce(t, b); n != 1 {
		t.Errorf("%d files changed, want the backend", n)
	}
	b.Options.Backends = []string{BackendCPU}
	if n := assembleOnce(t, b); n != 3 {
		t.Errorf("%d files changed without CUDA, want 3 removed", n)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
