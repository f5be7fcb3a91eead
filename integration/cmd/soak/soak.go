//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/modelfile"
	"github.com/fh-ollama/fh-ollama/plugin/source"
)

type options struct {
	prefix   harness.Prefix
	model    string        // GGUF file without FlashHead
	duration time.Duration // of all phases together
}

// models are the served models: one is dense, the others are converted from it with different flags.
var models = []struct {
	name    string
	convert []string // flags; nil: dense
}{
	{"fast", []string{"--plain", "--seed", "1"}},
	{"dense", nil},
	{"calibrated", []string{}},
	{"other", []string{"--plain", "--seed", "2"}},
}

// killed is the model whose llama-server is killed. It is never unloaded, so its processes live long.
const killed = "fast"

// clientsOfPhases is the number of concurrent clients in each phase.
var clientsOfPhases = []int{1, 4, 8}

// server is a running Ollama with all models.
type server struct {
	*harness.Ollama
	blobs map[string]string // model names by the base name of their file
}

// soak runs all phases on an Ollama that writes below dir.
func soak(ctx context.Context, o options, dir string) (*Report, error) {
	s, err := startServer(ctx, o, dir)
	if err != nil {
		return nil, err
	}
	defer s.Stop()
	report := &Report{Seconds: o.duration.Seconds()}
	memory := watchMemory(s)
	defer memory.stop()
	phase := o.duration / time.Duration(len(clientsOfPhases))
	for i, clients := range clientsOfPhases {
		p, err := s.phase(ctx, clients, phase, i == len(clientsOfPhases)/2)
		if err != nil {
			return nil, err
		}
		report.Phases = append(report.Phases, p)
	}
	if report.Memory, err = memory.stop(); err != nil {
		return nil, err
	}
	report.Active = strings.Count(s.Log(), "flash_head: active")
	return report, nil
}

// startServer starts an Ollama and registers all models.
func startServer(ctx context.Context, o options, dir string) (*server, error) {
	if err := o.prefix.Check(); err != nil {
		return nil, hint.Wrap(err, "build it first: make build")
	}
	// One thread for each model, as there are more models than processors. A small prompt cache is soon full and then
	// no longer grows.
	ollama, err := harness.Start(ctx, o.prefix, dir, "OLLAMA_NUM_PARALLEL=4",
		fmt.Sprintf("OLLAMA_MAX_LOADED_MODELS=%d", len(models)),
		"OLLAMA_KEEP_ALIVE=1h", "LLAMA_ARG_CACHE_RAM=8")
	if err != nil {
		return nil, err
	}
	s := &server{ollama, map[string]string{}}
	for _, m := range models {
		file := o.model
		if m.convert != nil {
			file = filepath.Join(dir, m.name+".gguf")
			args := append([]string{"convert", "--quiet", o.model, "-o", file}, m.convert...)
			if out, err := exec.CommandContext(ctx, o.prefix.Bin("fh-ollama"), args...).CombinedOutput(); err != nil {
				s.Stop()
				return nil, fmt.Errorf("fh-ollama %s: %w\n%s", strings.Join(args, " "), err, out)
			}
		}
		if err := s.register(ctx, m.name, file); err != nil {
			s.Stop()
			return nil, err
		}
	}
	return s, nil
}

func (s *server) register(ctx context.Context, name, file string) error {
	hash, err := source.SHA256(file)
	if err != nil {
		return err
	}
	s.blobs["sha256-"+hash] = name
	return modelfile.Register(ctx, s.Client, name, &modelfile.Modelfile{
		From: []string{file}, Template: modelfile.DefaultTemplate,
		Parameters: []modelfile.Parameter{{Name: "num_ctx", Value: "256"}, {Name: "num_thread", Value: "1"}},
	}, nil)
}

// phase runs clients for the given time while models are unloaded. If kill is set, it kills a llama-server halfway.
func (s *server) phase(ctx context.Context, clients int, length time.Duration, kill bool) (Phase, error) {
	ctx, cancel := context.WithTimeout(ctx, length+time.Minute) // for the last requests
	defer cancel()
	start := time.Now()
	until := start.Add(length)
	var t tally
	var wait sync.WaitGroup
	for i := range clients {
		wait.Go(func() { s.ask(ctx, &t, uint64(clients*100+i), until) })
	}
	wait.Go(func() { s.unload(ctx, &t, until, length/time.Duration(len(models))) })
	var death *Death
	var err error
	if kill {
		if err = pause(ctx, length/2); err == nil {
			death, err = s.kill(ctx)
		}
	}
	wait.Wait()
	return t.phase(clients, time.Since(start), death), cmp.Or(err, ctx.Err())
}

// pause waits for the given time. It returns the error of ctx if that is done before.
func pause(ctx context.Context, length time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(length):
		return nil
	}
}

// unload unloads one model after the other, except killed.
func (s *server) unload(ctx context.Context, t *tally, until time.Time, every time.Duration) {
	for i := 0; time.Now().Add(every).Before(until) && pause(ctx, every) == nil; i++ {
		name := models[1+i%(len(models)-1)].name
		began := time.Now()
		err := s.expire(ctx, name)
		t.add(outcome{model: name, kind: "unload", began: began, ended: time.Now(), err: err})
	}
}

// kill kills the llama-server of the model killed and sends requests until one is answered.
func (s *server) kill(ctx context.Context) (*Death, error) {
	runner, err := s.runner(killed)
	// the model may be loading
	for wait := time.Duration(0); err == nil && runner == nil && wait < patience; wait += patience / 20 {
		if err = pause(ctx, patience/20); err == nil {
			runner, err = s.runner(killed)
		}
	}
	if err != nil {
		return nil, err
	}
	if runner == nil {
		return nil, fmt.Errorf("%s has no running llama-server", killed)
	}
	d := &Death{Model: killed, at: time.Now()}
	if err := syscall.Kill(runner.PID, syscall.SIGKILL); err != nil {
		return nil, err
	}
	const most = 5
	for d.Tries = 1; d.Tries <= most; d.Tries++ {
		limited, cancel := context.WithTimeout(ctx, 3*patience)
		err = s.generate(limited, request{model: killed, prompt: "We, the people,", tokens: 8}, nil)
		cancel()
		if err == nil {
			d.recovered = time.Now()
			d.Seconds = d.recovered.Sub(d.at).Seconds()
			return d, nil
		}
	}
	return nil, fmt.Errorf("the model of the killed llama-server does not answer: %w", err)
}

// runner returns the llama-server of a model, nil if there is none.
func (s *server) runner(model string) (*harness.Runner, error) {
	runners, err := s.Runners()
	for _, r := range runners {
		if s.blobs[filepath.Base(r.Model)] == model {
			return &r, err
		}
	}
	return nil, err
}
