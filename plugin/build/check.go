package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/convert"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/internal/synthetic"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// check runs the results in the prefix.
func (b *Builder) check(ctx context.Context, st *step.Step) error {
	lib := filepath.Join(b.Options.Prefix, "lib", "ollama")
	version, err := b.runProduct(ctx, filepath.Join(b.Options.Prefix, "bin", "ollama"), "--version")
	if err != nil {
		return err
	}
	if !strings.Contains(version, b.result.Ollama) {
		return fmt.Errorf("bin/ollama says %q, not %s", version, b.result.Ollama)
	}
	version, err = b.runProduct(ctx, filepath.Join(lib, "llama-server"), "--version")
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(version, "\n")
	b.result.LlamaServer = strings.TrimPrefix(first, "version: ")
	if cpu, _ := filepath.Glob(filepath.Join(lib, "libggml-cpu*")); len(cpu) == 0 {
		return fmt.Errorf("no CPU backend in %s", lib)
	}
	devices := ""
	if !b.Options.Stock {
		if devices, err = b.checkDevices(ctx, filepath.Join(lib, installation.ToolName)); err != nil {
			return b.crash(err, "listing devices")
		}
	}
	tried, err := b.try(ctx, lib)
	if err != nil {
		return err
	}
	st.Note("ollama %s, llama-server %s%s, %s", b.result.Ollama, b.result.LlamaServer, devices, tried)
	return b.writeManifest()
}

// Numbers of tokens for the check. The prompt is a batch, which has kernels of its own.
const (
	triedPrompt = 64
	triedAnswer = 16
)

// try generates tokens on the CPU as the runtime would, with the one backend or the best variant in lib: with the dense
// head, and unless the build is stock with FlashHead, on a file that its own tool converted.
func (b *Builder) try(ctx context.Context, lib string) (tried string, err error) {
	dir, err := os.MkdirTemp(b.Dir, ScratchPrefix+"*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	model := filepath.Join(dir, "small.gguf")
	if err := writeSmall(model); err != nil {
		return "", err
	}
	if err := b.generate(ctx, lib, model, "FLASHHEAD_ENABLED=0"); err != nil {
		return "", b.crash(err, "dense")
	}
	if b.Options.Stock {
		return "answers dense", nil
	}
	o := convert.Defaults()
	o.NoCalibrate = true
	o.Input, o.Output, o.LibDir, o.Iterations = model, filepath.Join(dir, "small-flashhead.gguf"), lib, 1
	if _, err := convert.Convert(ctx, o, progress.New(io.Discard)); err != nil {
		return "", b.crash(err, "converting")
	}
	if err := b.generate(ctx, lib, o.Output, "FLASHHEAD_ENABLED=1"); err != nil {
		return "", b.crash(err, "with FlashHead")
	}
	return "answers dense and with FlashHead", nil
}

func writeSmall(path string) error {
	file, err := synthetic.Small().File()
	if err != nil {
		return err
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	err = file.Write(out, func(int64) error { return nil })
	return errors.Join(err, out.Close())
}

// tryTimeout limits the time for an answer, which takes seconds.
const tryTimeout = 5 * time.Minute

// generate lets the llama-server in lib answer a prompt. setting is NAME=VALUE for its environment.
func (b *Builder) generate(ctx context.Context, lib, model, setting string) error {
	bounded, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	err := answer(bounded, lib, model, setting, min(b.Options.Jobs, 2))
	if ctx.Err() == nil && bounded.Err() != nil {
		return hint.New(fmt.Sprintf("the built llama-server gives no answer within %s", tryTimeout), "please report it")
	}
	return err
}

func answer(ctx context.Context, lib, model, setting string, threads int) error {
	programs, err := llama.FindServer(ctx, lib, installation.Places{})
	if err != nil {
		return err
	}
	server, err := programs.Start(ctx, llama.ServerOptions{
		Model: model, Context: 2 * (triedPrompt + triedAnswer), Threads: threads, Settings: []string{setting},
		Args: []string{"--n-gpu-layers", "0"},
	})
	if err != nil {
		return err
	}
	defer server.Stop()
	prompt := make([]int, triedPrompt)
	for i := range prompt {
		prompt[i] = 2 + 37*i
	}
	said, err := server.Greedy(ctx, prompt, triedAnswer)
	if err == nil && len(said.Tokens) == 0 {
		err = errors.New("llama-server gives no tokens")
	}
	return err
}

// crashes are the signals of a program's own fault.
var crashes = []syscall.Signal{
	syscall.SIGILL, syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGABRT, syscall.SIGTRAP,
}

// crash adds advice to err if a built program crashed. doing says what it was doing.
func (b *Builder) crash(err error, doing string) error {
	var exit *exec.ExitError
	if err == nil || !errors.As(err, &exit) {
		return err
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || !slices.Contains(crashes, status.Signal()) {
		return err
	}
	compiled, way := b.result.CPU, "please report it"
	switch sets := withoutHint(compiled); {
	case b.Options.CPUVariants == CPUAll:
		way = "build for this machine only, with fewer instruction sets: fh-ollama build --without amx,avx512"
	case sets != "" && b.Options.Stock:
		way = "build without some of them: fh-ollama build --stock --without " + sets
	case sets != "":
		way = "build without some of them: fh-ollama build --without " + sets
	case compiled == "":
		compiled = "any processor"
	}
	return hint.Wrap(fmt.Errorf("%w (%s; compiled for %s)", err, doing, compiled), way)
}

// checkDevices verifies that a backend has the FlashHead op, and describes the devices other than the CPU.
func (b *Builder) checkDevices(ctx context.Context, program string) (others string, err error) {
	devices, folders, err := native.Devices(ctx, program, "", nil)
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(devices, func(d native.Device) bool { return d.FlashHead }) {
		return "", errors.New("no backend of this build has the FlashHead op")
	}
	for _, d := range devices {
		switch {
		case d.Type == "cpu":
		case d.FlashHead:
			others += ", FlashHead on " + d.Name
		default:
			others += ", no FlashHead on " + d.Name
		}
	}
	for _, f := range folders {
		if f.Devices == 0 {
			others += ", no device for " + f.Name
		}
	}
	return others, nil
}

// runProduct returns the trimmed output of a built program.
func (b *Builder) runProduct(ctx context.Context, program string, args ...string) (string, error) {
	var all []string
	err := step.Command{
		Path: program, Args: args, Dir: b.Dir, Log: b.Log("check-" + filepath.Base(program)),
		Env:    []string{"OLLAMA_HOST=127.0.0.1:1"}, // no running server answers there
		OnLine: func(l string) { all = append(all, l) },
	}.Run(ctx)
	if filepath.Base(program) != "ollama" { // Go, no instruction sets
		err = b.crash(err, strings.Join(args, " "))
	}
	return strings.TrimSpace(strings.Join(all, "\n")), err
}
