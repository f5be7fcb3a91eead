package build

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// cmakeArgs are the arguments of all builds in Ollama's project for llama-server, which is told that our tree has its
// patches already.
func (b *Builder) cmakeArgs(dir string) []string {
	args := []string{
		"-S", filepath.Join(b.ollamaTree(), "llama", "server"), "-B", dir, "-G", "Ninja",
		"-DCMAKE_MAKE_PROGRAM=" + b.Tools.Ninja,
		"-DFETCHCONTENT_SOURCE_DIR_LLAMA_CPP=" + b.LlamaTree(),
		"-DOLLAMA_LLAMA_CPP_SKIP_COMPAT_PATCH=ON",
		"-DLLAMA_BUILD_COMMIT=" + b.LlamaCpp.Version, // a copy has no repository to ask
		"-DLLAMA_BUILD_NUMBER=0",
	}
	return slices.Concat(args, compilerArgs("C", b.Tools.CC), compilerArgs("CXX", b.Tools.CXX))
}

// environment is added for CMake and ninja. ccache takes paths below the build folder as relative and ignores the
// folder's name, so that build folders share compiled files. The last variable would override the tree if the user had
// set it.
func (b *Builder) environment() []string {
	return []string{"CCACHE_BASEDIR=" + b.Dir, "CCACHE_NOHASHDIR=1", "OLLAMA_LLAMA_CPP_SOURCE=" + b.LlamaTree()}
}

// developerFlags are options of ggmlhead/CMakeLists.txt.
func (o Options) developerFlags() []string {
	return []string{"-DFLASH_HEAD_TESTS=" + onOff(o.Tests), "-DFLASH_HEAD_STRICT=" + onOff(o.Strict)}
}

// onOff is a truth value for CMake.
func onOff(on bool) string {
	if on {
		return "ON"
	}
	return "OFF"
}

// Configure configures the patched tree for llama-server, with the options of Ollama's own build.
func (b *Builder) Configure(ctx context.Context, st *step.Step) error {
	st.Note("CPU: %s", b.result.CPU)
	args := append(b.cmakeArgs(b.nativeDir()),
		"-DCMAKE_BUILD_TYPE=Release",
		"-DBUILD_SHARED_LIBS=ON",
		"-DGGML_BACKEND_DL=ON",
		"-DGGML_NATIVE=OFF",
		"-DGGML_OPENMP=OFF",
		"-DOLLAMA_RUNNER_DIR=",
		"-DCMAKE_BUILD_RPATH_USE_ORIGIN=ON") // find libraries beside each other, not in the build folder
	args = slices.Concat(args, b.cpuFlags, backendFlags(b.Options), b.Options.developerFlags())
	if b.Options.CPUVariants == CPUAll { // for other machines: contains no paths of this one
		flag := "-ffile-prefix-map=" + b.Dir + "/="
		args = append(args, "-DCMAKE_C_FLAGS="+flag, "-DCMAKE_CXX_FLAGS="+flag)
	}
	return b.cmake(ctx, st, b.nativeDir(), "configure", args)
}

// cmake configures a build folder if the arguments or the names of source files have changed since the last success.
// args begin with -S DIR. ninja notices changed CMake files itself.
func (b *Builder) cmake(ctx context.Context, st *step.Step, dir, log string, args []string) error {
	args = append(args, b.extra...)
	stampFile := filepath.Join(dir, "fh-ollama.configured")
	stamp := strings.Join(append(args, b.treeKey), "\n")
	if have, err := os.ReadFile(stampFile); err == nil && string(have) == stamp {
		st.Note("up to date")
		return nil
	}
	if have, err := os.ReadFile(filepath.Join(dir, "CMakeCache.txt")); err == nil &&
		!strings.Contains(string(have), "CMAKE_HOME_DIRECTORY:INTERNAL="+filepath.ToSlash(args[1])+"\n") {
		// CMake refuses to reuse a folder that was moved.
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	err := step.Command{Path: b.Tools.CMake, Args: args, Dir: b.Dir, Env: b.environment(), Log: b.Log(log)}.Run(ctx)
	if err != nil {
		return hint.Wrap(err, "needs CMake 3.24 or newer; see the log")
	}
	return os.WriteFile(stampFile, []byte(stamp), 0o644)
}

// ninjaProgress matches the start of ninja's line for a finished edge, with the NINJA_STATUS below.
var ninjaProgress = regexp.MustCompile(`^\[(\d+)/(\d+)\] `)

// targets are the programs of a build with these options.
func (o Options) targets() []string {
	targets := slices.Clone(upstreamTargets)
	if o.has(BackendRPC) {
		targets = append(targets, "ggml-rpc-server")
	}
	if !o.Stock {
		targets = append(targets, installation.ToolName)
	}
	if o.Tests && !o.Stock {
		targets = append(targets, testTargets...)
		if runtime.GOOS == "linux" {
			targets = append(targets, kernelTargets...)
		}
	}
	return targets
}

func (b *Builder) compileLlamaCpp(ctx context.Context, st *step.Step) error {
	return b.ninja(ctx, st, b.nativeDir(), "compile-llama.cpp", b.Options.targets())
}

// ninja brings targets in a configured folder up to date.
func (b *Builder) ninja(ctx context.Context, st *step.Step, dir, log string, targets []string) error {
	compiled := 0
	args := append([]string{"-C", dir, "-j", strconv.Itoa(b.Options.Jobs)}, targets...)
	err := step.Command{
		Path: b.Tools.Ninja, Args: args, Dir: b.Dir, Log: b.Log(log),
		Env: append(b.environment(), "NINJA_STATUS=[%f/%t] "),
		OnLine: func(line string) {
			if m := ninjaProgress.FindStringSubmatch(line); m != nil {
				done, _ := strconv.Atoi(m[1])
				total, _ := strconv.Atoi(m[2])
				compiled = max(compiled, done)
				st.Progress(done, total)
			}
		},
	}.Run(ctx)
	if err != nil {
		return hint.Wrap(err, "see the log for compiler errors; if memory is short, try --jobs 1")
	}
	if compiled == 0 {
		st.Note("up to date")
	} else {
		st.Note("%s", step.Count(compiled, "step", "steps"))
	}
	return nil
}

// compileOllama compiles the Go program; Go's cache knows what is out of date.
func (b *Builder) compileOllama(ctx context.Context, st *step.Step) error {
	st.Note("%s", b.result.Ollama)
	if err := os.MkdirAll(b.Dir+"/bin", 0o755); err != nil {
		return err
	}
	err := step.Command{
		Path: b.Tools.Go,
		Args: []string{"build", "-trimpath", "-buildvcs=false", "-p", strconv.Itoa(b.Options.Jobs),
			"-ldflags", "-s -w -X=github.com/ollama/ollama/version.Version=" + b.result.Ollama,
			"-o", b.ollamaProgram(), "."},
		Dir: b.ollamaTree(), Log: b.Log("compile-ollama"),
		Env: append(source.GoEnvironment(), "CC="+b.Tools.CC.env(), "CXX="+b.Tools.CXX.env()),
	}.Run(ctx)
	if err != nil {
		return hint.Wrap(err, "the first build downloads Ollama's modules; check the network and GOPROXY")
	}
	return nil
}

func (b *Builder) ollamaProgram() string { return b.Dir + "/bin/ollama" }
