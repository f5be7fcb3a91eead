package build

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// cmakeArgs are the arguments of all builds in Ollama's project for llama-server, which is told that our tree has its
// patches already.
func (b *Builder) cmakeArgs(dir string) []string {
	args := []string{
		"-S", filepath.Join(b.OllamaTree(), "llama", "server"), "-B", dir, "-G", "Ninja",
		"-DCMAKE_MAKE_PROGRAM=" + b.Tools.Ninja,
		"-DFETCHCONTENT_SOURCE_DIR_LLAMA_CPP=" + b.LlamaTree(),
		"-DOLLAMA_LLAMA_CPP_SKIP_COMPAT_PATCH=ON",
		"-DLLAMA_BUILD_COMMIT=" + b.LlamaCpp.Version, // a copy has no repository to ask
		"-DLLAMA_BUILD_NUMBER=0",
	}
	return slices.Concat(args, compilerArgs("C", b.Tools.CC), compilerArgs("CXX", b.Tools.CXX))
}

// configureArgs are the arguments for llama-server, with the options of Ollama's own build.
func (b *Builder) configureArgs(flags []string) []string {
	return slices.Concat(b.cmakeArgs(b.NativeDir()), []string{
		"-DCMAKE_BUILD_TYPE=Release",
		"-DBUILD_SHARED_LIBS=ON",
		"-DGGML_BACKEND_DL=ON",
		"-DGGML_NATIVE=OFF",
		"-DGGML_OPENMP=OFF",
		"-DOLLAMA_RUNNER_DIR=",
		"-DCMAKE_BUILD_RPATH_USE_ORIGIN=ON", // find libraries beside each other, not in the build folder
	}, flags)
}

// Environment is added for CMake and ninja. ccache takes paths below the build folder as relative and ignores the
// folder's name, so that build folders share compiled files. The last variable would override the tree if the user had
// set it.
func (b *Builder) Environment() []string {
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

// Configure configures the patched tree.
func (b *Builder) Configure(ctx context.Context, st *step.Step) error {
	st.Note("CPU: %s", b.result.CPU)
	flags := slices.Concat(b.cpuFlags, backendFlags(b.Options), b.Options.developerFlags())
	if b.Options.CPUVariants == CPUAll { // for other machines: contains no paths of this one
		flag := "-ffile-prefix-map=" + b.Dir + "/="
		flags = append(flags, "-DCMAKE_C_FLAGS="+flag, "-DCMAKE_CXX_FLAGS="+flag)
	}
	return b.cmake(ctx, st, b.NativeDir(), "configure", b.configureArgs(flags))
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
	err := step.Command{Path: b.Tools.CMake, Args: args, Dir: b.Dir, Env: b.Environment(), Log: b.Log(log)}.Run(ctx)
	if err != nil {
		return hint.Wrap(err, "needs CMake 3.24 or newer; see the log")
	}
	return os.WriteFile(stampFile, []byte(stamp), 0o644)
}
