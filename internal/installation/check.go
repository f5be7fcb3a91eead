package installation

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// oldest is the first Ollama that runs models in llama-server, which loads backends.
const oldest = "v0.30"

const build = "make one that has FlashHead inside: fh-ollama build"

// Patched reports whether i was built with FlashHead.
func (i Installation) Patched() bool { return strings.Contains(i.Version, "+flashhead.") }

// Check returns nil if i can load the plug-in, else an error with a hint.
func (i Installation) Check() error {
	switch {
	case i.Confined != "":
		return hint.New(fmt.Sprintf("the Ollama at %s runs in %s, which keeps it from files outside", i.Program, i.Confined),
			"install Ollama itself, or "+build)
	case i.Patched():
		return hint.New(fmt.Sprintf("the Ollama at %s has FlashHead already, it needs no plug-in", i.Program),
			"use it as it is: fh-ollama on NAME")
	case tooOld(i.Version):
		return hint.New(fmt.Sprintf("the Ollama at %s is version %s, which cannot load the plug-in; 0.30 can", i.Program,
			i.Version), "update Ollama and try again")
	case i.LibDir == "":
		return hint.New(fmt.Sprintf("no %s belongs to the Ollama at %s", ServerName, i.Program), "update Ollama, or "+build)
	case !i.dynamic():
		return hint.New(fmt.Sprintf("the Ollama at %s is linked statically and cannot load the plug-in", i.Program), build)
	}
	return nil
}

// tooOld reports whether version is known and before oldest. Ollamas compiled from source call themselves 0.0.0; for
// them LibDir decides.
func tooOld(version string) bool {
	v := "v" + version
	return semver.IsValid(v) && version != "0.0.0" && semver.Compare(semver.MajorMinor(v), oldest) < 0
}

// dynamic reports whether ggml's core and CPU backend are shared libraries in LibDir. Only then does ggml load other
// backends.
func (i Installation) dynamic() bool {
	cpu, _ := filepath.Glob(filepath.Join(i.LibDir, "libggml-cpu*.so"))
	return HoldsGGML(i.LibDir) && len(cpu) > 0
}

// GPU is a GPU for which an Ollama has a backend.
type GPU struct {
	Name   string // e.g. "NVIDIA GPU"
	Device string // the device file that shows it
	// Sure is false if Ollama may not use it: it ignores most GPUs that share the CPU's memory.
	Sure bool
}

// GPU returns the GPU on which i will run models, nil if there is none. For such models Ollama sets GGML_BACKEND_PATH
// to its own backend.
func (i Installation) GPU(p Places) *GPU {
	for _, kind := range []struct {
		backend, name string
		devices       []string
		sure          bool
	}{
		{"cuda", "NVIDIA GPU", []string{"dev/nvidia0", "dev/nvhost-gpu", "dev/dxg"}, true},
		{"hip", "AMD GPU", []string{"dev/kfd"}, true},
		{"vulkan", "GPU", []string{"dev/dri/renderD*"}, false},
	} {
		// Ollama looks for them in subfolders only.
		backends, _ := filepath.Glob(filepath.Join(i.LibDir, "*", "libggml-"+kind.backend+"*"))
		if i.LibDir == "" || len(backends) == 0 {
			continue
		}
		for _, pattern := range kind.devices {
			devices, _ := filepath.Glob(p.below(pattern))
			if len(devices) > 0 {
				return &GPU{kind.name, devices[0], kind.sure}
			}
		}
	}
	return nil
}

var baseVersion = regexp.MustCompile(`^libggml-base\.so\.(\d+\.\d+\.\d+)$`)

// GGML returns the version of ggml in i, from the name of its library; "" if unknown. Its commit is not known: Ollama's
// builds report "unknown".
func (i Installation) GGML() string {
	version := ""
	if i.LibDir != "" {
		paths, _ := filepath.Glob(filepath.Join(i.LibDir, "libggml-base.so.*"))
		for _, path := range paths {
			if m := baseVersion.FindStringSubmatch(filepath.Base(path)); m != nil {
				version = m[1]
			}
		}
	}
	return version
}

// Trusted reports whether i's programs and libraries are safe to run: no other user can have written them. Find also
// returns programs of others that only call themselves `ollama serve`.
func (i Installation) Trusted() bool {
	return i.LibDir != "" && process.Trusted(i.Program) && process.Trusted(i.LibDir) &&
		process.Trusted(filepath.Join(i.LibDir, ServerName))
}
