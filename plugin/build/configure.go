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

// configureArgs are CMake's arguments. The options are those of Ollama's own build of llama-server, except that the
// source is a tree that has its patches already.
func configureArgs(ollamaTree, llamaTree, nativeDir, commit string, tools Toolchain, flags []string) []string {
	args := []string{
		"-S", filepath.Join(ollamaTree, "llama", "server"), "-B", nativeDir, "-G", "Ninja",
		"-DCMAKE_BUILD_TYPE=Release",
		"-DCMAKE_MAKE_PROGRAM=" + tools.Ninja,
		"-DBUILD_SHARED_LIBS=ON",
		"-DGGML_BACKEND_DL=ON",
		"-DGGML_NATIVE=OFF",
		"-DGGML_OPENMP=OFF",
		"-DOLLAMA_RUNNER_DIR=",
		"-DCMAKE_BUILD_RPATH_USE_ORIGIN=ON", // libraries are looked for beside each other, not in the build folder
		"-DFETCHCONTENT_SOURCE_DIR_LLAMA_CPP=" + llamaTree,
		"-DOLLAMA_LLAMA_CPP_SKIP_COMPAT_PATCH=ON",
		"-DLLAMA_BUILD_COMMIT=" + commit, // a copy has no repository to ask
		"-DLLAMA_BUILD_NUMBER=0",
	}
	return slices.Concat(args, compilerArgs("C", tools.CC), compilerArgs("CXX", tools.CXX), flags)
}

// CcacheEnv lets build folders share compiled files: paths below the folder count as relative, and the folder itself
// does not count.
func (b *Builder) CcacheEnv() []string {
	return []string{"CCACHE_BASEDIR=" + b.Dir, "CCACHE_NOHASHDIR=1"}
}

// developerFlags are CMake options of ggmlhead/CMakeLists.txt.
func (o Options) developerFlags() []string {
	onOff := map[bool]string{true: "ON", false: "OFF"}
	return []string{"-DFLASH_HEAD_TESTS=" + onOff[o.Tests], "-DFLASH_HEAD_STRICT=" + onOff[o.Strict]}
}

// Configure configures the patched tree.
func (b *Builder) Configure(ctx context.Context, st *step.Step) error {
	st.Note("CPU: %s", b.result.CPU)
	flags := slices.Concat(b.cpuFlags, backendFlags(b.Options), b.Options.developerFlags())
	if b.Options.CPUVariants == CPUAll { // made for other machines: no folders of this one in it
		flag := "-ffile-prefix-map=" + b.Dir + "/="
		flags = append(flags, "-DCMAKE_C_FLAGS="+flag, "-DCMAKE_CXX_FLAGS="+flag)
	}
	args := configureArgs(b.OllamaTree(), b.LlamaTree(), b.NativeDir(), b.LlamaCpp.Version, b.Tools, flags)
	// OLLAMA_LLAMA_CPP_SOURCE in the user's environment would win over the tree given here.
	return b.cmake(ctx, st, b.NativeDir(), "configure", args, "OLLAMA_LLAMA_CPP_SOURCE="+b.LlamaTree())
}

// cmake configures a build folder if CMake's arguments, which begin with -S DIR, or the set of source files changed
// since it last succeeded; changed CMake files are noticed by ninja.
func (b *Builder) cmake(ctx context.Context, st *step.Step, dir, log string, args []string, env ...string) error {
	stampFile := filepath.Join(dir, "fh-ollama.configured")
	stamp := strings.Join(append(args, b.treeKey), "\n")
	if have, err := os.ReadFile(stampFile); err == nil && string(have) == stamp {
		st.Note("up to date")
		return nil
	}
	if have, err := os.ReadFile(filepath.Join(dir, "CMakeCache.txt")); err == nil &&
		!strings.Contains(string(have), "CMAKE_HOME_DIRECTORY:INTERNAL="+filepath.ToSlash(args[1])+"\n") {
		// The cache was moved; CMake refuses to go on in such a folder.
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	err := step.Command{Path: b.Tools.CMake, Args: args, Dir: b.Dir, Env: append(b.CcacheEnv(), env...), Log: b.Log(log)}.Run(ctx)
	if err != nil {
		return hint.Wrap(err, "CMake 3.24 or newer is needed; the log says what it missed")
	}
	return os.WriteFile(stampFile, []byte(stamp), 0o644)
}
