package build

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Backends of ggml that a build can have.
const (
	BackendCPU   = "cpu"   // in every build
	BackendMetal = "metal" // Apple's GPUs
	BackendRPC   = "rpc"   // computes on other machines; with it comes the server that they run
	BackendCUDA  = "cuda"  // NVIDIA's GPUs, in a folder of its own as in Ollama's layout (cuda.go)
)

// platform is an operating system and a processor, as Go names them.
type platform struct{ os, arch string }

// appleSilicon reports whether p is a Mac whose GPU Ollama uses.
func (p platform) appleSilicon() bool { return p == platform{"darwin", "arm64"} }

// defaultBackends are those of a build that names none.
func defaultBackends(p platform) []string {
	if p.appleSilicon() {
		return []string{BackendCPU, BackendMetal}
	}
	return []string{BackendCPU}
}

// ParseBackends checks a list of backends and returns it in a fixed order, with the CPU's, and without repetitions.
// Nothing stands for the default of the platform. The error names what is unknown or cannot be built on the platform.
func ParseBackends(names []string, goos, goarch string) ([]string, error) {
	p := platform{goos, goarch}
	if len(names) == 0 {
		return defaultBackends(p), nil
	}
	known := []string{BackendCPU, BackendMetal, BackendRPC, BackendCUDA}
	for _, name := range names {
		switch {
		case !slices.Contains(known, name):
			return nil, hint.New(fmt.Sprintf("no backend is called %q", name), "give some of "+strings.Join(known, ", "))
		case name == BackendMetal && !p.appleSilicon():
			return nil, hint.New("the backend metal is for Macs with Apple's processors", "leave metal out of --backends")
		case name == BackendCUDA && goos != "linux":
			return nil, hint.New("the backend cuda is built on Linux only so far", "leave cuda out of --backends")
		}
	}
	return slices.DeleteFunc(known, func(name string) bool {
		return name != BackendCPU && !slices.Contains(names, name)
	}), nil
}

func (o Options) has(backend string) bool { return slices.Contains(o.Backends, backend) }

// backendFlags are CMake's options for the backends that are built together with llama.cpp itself. All are named, for
// some are on by default on some systems, and a build folder is used with other backends later.
func backendFlags(o Options) []string {
	onOff := map[bool]string{true: "ON", false: "OFF"}
	return []string{
		"-DGGML_RPC=" + onOff[o.has(BackendRPC)],
		"-DGGML_METAL=" + onOff[o.has(BackendMetal)],
		"-DGGML_METAL_EMBED_LIBRARY=" + onOff[o.has(BackendMetal)], // as in Ollama's own build: no file beside the library
		"-DGGML_BLAS=OFF",
	}
}

// leftBehind reports whether a library in the build folder is of a backend or a program that only an earlier build there had.
func (o Options) leftBehind(library string) bool {
	for _, backend := range []string{BackendMetal, BackendRPC} {
		if strings.HasPrefix(library, "libggml-"+backend+".") && !o.has(backend) {
			return true
		}
	}
	if m := implementation.FindStringSubmatch(library); m != nil {
		return !slices.Contains(o.targets(), m[1])
	}
	return !o.Tests && library == "libtest-fake-backend.so"
}

// implementation is the library that holds the code of one of llama.cpp's programs.
var implementation = regexp.MustCompile(`^lib(llama-[a-z-]+)-impl\.`)
