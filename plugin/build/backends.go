package build

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Backends of ggml.
const (
	BackendCPU   = "cpu"   // in every build
	BackendMetal = "metal" // Apple GPUs
	BackendRPC   = "rpc"   // other machines; includes their server
	BackendCUDA  = "cuda"  // NVIDIA GPUs, in a folder of its own as in Ollama's layout
)

// ParseBackends validates names and returns them in a fixed order, without duplicates and with the CPU. No names mean
// the default of the platform.
func ParseBackends(names []string, goos, goarch string) ([]string, error) {
	appleSilicon := goos == "darwin" && goarch == "arm64" // the Macs whose GPU Ollama uses
	if len(names) == 0 && appleSilicon {
		names = []string{BackendMetal}
	}
	known := []string{BackendCPU, BackendMetal, BackendRPC, BackendCUDA}
	for _, name := range names {
		switch {
		case !slices.Contains(known, name):
			return nil, hint.New(fmt.Sprintf("unknown backend %q", name), "choose from "+strings.Join(known, ", "))
		case name == BackendMetal && !appleSilicon:
			return nil, hint.New("backend metal needs a Mac with Apple silicon", "leave metal out of --backends")
		case name == BackendCUDA && goos != "linux":
			return nil, hint.New("backend cuda can be built on Linux only", "leave cuda out of --backends")
		}
	}
	return slices.DeleteFunc(known, func(name string) bool {
		return name != BackendCPU && !slices.Contains(names, name)
	}), nil
}

func (o Options) has(backend string) bool { return slices.Contains(o.Backends, backend) }

// backendFlags are CMake's options for the backends in llama.cpp's own build. All are set, because defaults differ
// between systems and a build folder is reused with other backends.
func backendFlags(o Options) []string {
	return []string{
		"-DGGML_RPC=" + onOff(o.has(BackendRPC)),
		"-DGGML_METAL=" + onOff(o.has(BackendMetal)),
		"-DGGML_METAL_EMBED_LIBRARY=" + onOff(o.has(BackendMetal)), // as in Ollama: no extra file beside the library
		"-DGGML_BLAS=OFF",
	}
}

// leftBehind reports whether a library in the build folder is from an earlier build with more backends.
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

// implementation matches the library with the code of one of llama.cpp's programs.
var implementation = regexp.MustCompile(`^lib(llama-[a-z-]+)-impl\.`)
