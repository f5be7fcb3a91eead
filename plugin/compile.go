package plugin

import (
	"context"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// ninjaProgress is how ninja begins a line for a finished edge, as set by NINJA_STATUS below.
var ninjaProgress = regexp.MustCompile(`^\[(\d+)/(\d+)\] `)

// targets are the programs of this build.
func (b *build) targets() []string {
	targets := slices.Clone(upstreamTargets)
	if b.opts.has(BackendRPC) {
		targets = append(targets, "ggml-rpc-server")
	}
	if !b.opts.Stock {
		targets = append(targets, headTargets...)
		if runtime.GOOS == "linux" {
			targets = append(targets, kernelTargets...)
		}
	}
	return targets
}

// compileLlamaCpp compiles the programs of llama.cpp.
func (b *build) compileLlamaCpp(ctx context.Context, st *Step) error {
	return b.ninja(ctx, st, b.nativeDir(), "compile-llama.cpp", b.targets(), "OLLAMA_LLAMA_CPP_SOURCE="+b.llamaTree())
}

// ninja compiles what is out of date of targets in a folder that cmake configured.
func (b *build) ninja(ctx context.Context, st *Step, dir, log string, targets []string, env ...string) error {
	compiled := 0
	args := append([]string{"-C", dir, "-j", strconv.Itoa(b.opts.Jobs)}, targets...)
	err := command{
		path: b.tools.Ninja, args: args, dir: b.dir, log: b.log(log),
		env: slices.Concat(b.ccacheEnv(), []string{"NINJA_STATUS=[%f/%t] "}, env),
		onLine: func(line string) {
			if m := ninjaProgress.FindStringSubmatch(line); m != nil {
				done, _ := strconv.Atoi(m[1])
				total, _ := strconv.Atoi(m[2])
				compiled = max(compiled, done)
				st.Progress(done, total)
			}
		},
	}.run(ctx)
	if err != nil {
		return hint.Wrap(err, "compiler errors are in the log; with little memory try --jobs 1")
	}
	if compiled == 0 {
		st.Note("up to date")
	} else {
		st.Note("%s", count(compiled, "step", "steps"))
	}
	return nil
}

// compileOllama builds the Go program; Go's own cache knows what is out of date.
func (b *build) compileOllama(ctx context.Context, st *Step) error {
	st.Note("%s", b.result.Ollama)
	if err := os.MkdirAll(b.dir+"/bin", 0o755); err != nil {
		return err
	}
	err := command{
		path: b.tools.Go,
		args: []string{"build", "-trimpath", "-buildvcs=false", "-p", strconv.Itoa(b.opts.Jobs),
			"-ldflags", "-s -w -X=github.com/ollama/ollama/version.Version=" + b.result.Ollama,
			"-o", b.ollamaProgram(), "."},
		dir: b.ollamaTree(), log: b.log("compile-ollama"),
		env: append(goEnv(), "CC="+b.tools.CC.env(), "CXX="+b.tools.CXX.env()),
	}.run(ctx)
	if err != nil {
		return hint.Wrap(err, "modules that Ollama needs are fetched the first time; check the network and GOPROXY")
	}
	return nil
}

// goEnv are settings for Go that win over the user's own (go env -w): an empty one would not.
func goEnv() []string {
	return []string{"GOWORK=off", "GOFLAGS=-buildvcs=false", "GOOS=" + runtime.GOOS, "GOARCH=" + runtime.GOARCH}
}

func (b *build) ollamaProgram() string { return b.dir + "/bin/ollama" }
