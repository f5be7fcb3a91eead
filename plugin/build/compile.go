package build

import (
	"context"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

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
	return b.ninja(ctx, st, b.NativeDir(), "compile-llama.cpp", b.Options.targets())
}

// ninja brings targets in a configured folder up to date.
func (b *Builder) ninja(ctx context.Context, st *step.Step, dir, log string, targets []string) error {
	compiled := 0
	args := append([]string{"-C", dir, "-j", strconv.Itoa(b.Options.Jobs)}, targets...)
	err := step.Command{
		Path: b.Tools.Ninja, Args: args, Dir: b.Dir, Log: b.Log(log),
		Env: append(b.Environment(), "NINJA_STATUS=[%f/%t] "),
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
		Dir: b.OllamaTree(), Log: b.Log("compile-ollama"),
		Env: append(source.GoEnvironment(), "CC="+b.Tools.CC.env(), "CXX="+b.Tools.CXX.env()),
	}.Run(ctx)
	if err != nil {
		return hint.Wrap(err, "the first build downloads Ollama's modules; check the network and GOPROXY")
	}
	return nil
}

func (b *Builder) ollamaProgram() string { return b.Dir + "/bin/ollama" }
