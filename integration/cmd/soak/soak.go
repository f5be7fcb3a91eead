//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
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
	{killed, []string{"--plain", "--seed", "1"}},
	{"dense", nil},
	{"calibrated", []string{}},
	{"other", []string{"--plain", "--seed", "2"}},
}

// killed is the model whose llama-server is killed. It is never unloaded, so its processes live long.
const killed = "fast"

// unloading is the kind of the requests that unload a model.
const unloading = "unload"

// clientsOfPhases is the number of concurrent clients in each phase. A llama-server is killed in the second.
var clientsOfPhases = []int{1, 4, 8}

// server is a running Ollama with all models.
type server struct {
	*harness.Ollama
	blobs map[string]string // model names by the base name of their file
}

// soak runs all phases on an Ollama that writes below dir.
func soak(ctx context.Context, o options, dir string) (*Report, error) {
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
	defer ollama.Stop()
	s := &server{ollama, map[string]string{}}
	for _, m := range models {
		file := o.model
		if m.convert != nil {
			file = filepath.Join(dir, m.name+".gguf")
			args := append([]string{"convert", "--quiet", o.model, "-o", file}, m.convert...)
			if _, err := s.Run(ctx, o.prefix.Bin("fh-ollama"), args...); err != nil {
				return nil, err
			}
		}
		hash, err := source.SHA256(file)
		if err != nil {
			return nil, err
		}
		s.blobs["sha256-"+hash] = m.name
		if err := modelfile.Register(ctx, s.Client, m.name, &modelfile.Modelfile{
			From: []string{file}, Template: modelfile.DefaultTemplate,
			Parameters: []modelfile.Parameter{{Name: "num_ctx", Value: "256"}, {Name: "num_thread", Value: "1"}},
		}, nil); err != nil {
			return nil, err
		}
	}

	report := &Report{}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var memoryError error
	var watch sync.WaitGroup
	watch.Go(func() { report.Memory, memoryError = s.watchMemory(watching) })
	for i, clients := range clientsOfPhases {
		p, err := s.phase(ctx, clients, o.duration/time.Duration(len(clientsOfPhases)), i == 1)
		if err != nil {
			return nil, err
		}
		report.Phases = append(report.Phases, p)
	}
	stop()
	watch.Wait()
	report.Active = strings.Count(s.Log(), "flash_head: active")
	return report, memoryError
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
	var d death
	var err error
	if kill {
		if err = pause(ctx, length/2); err == nil {
			d, err = s.kill(ctx)
		}
	}
	wait.Wait()
	return t.phase(clients, time.Since(start), d), cmp.Or(err, ctx.Err())
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
		o := outcome{model: models[1+i%(len(models)-1)].name, kind: unloading, began: time.Now()}
		o.err = s.expire(ctx, o.model)
		o.ended = time.Now()
		t.add(o)
	}
}

// kill kills the llama-server of the model killed. The next request to the model must be answered.
func (s *server) kill(ctx context.Context) (d death, err error) {
	var runner *harness.Runner
	for wait := time.Duration(0); runner == nil && wait < patience; wait += patience / 20 { // the model may be loading
		if err := pause(ctx, patience/20); err != nil {
			return d, err
		}
		if runner, err = s.runner(killed); err != nil {
			return d, err
		}
	}
	if runner == nil {
		return d, fmt.Errorf("%s has no running llama-server", killed)
	}
	d.at = time.Now()
	if err := syscall.Kill(runner.PID, syscall.SIGKILL); err != nil {
		return d, err
	}
	if _, err := s.generate(ctx, newRequest(killed, "We, the people,", 8), math.MaxInt, 3*patience); err != nil {
		return d, fmt.Errorf("the model of the killed llama-server does not answer the next request: %w", err)
	}
	d.recovered = time.Now()
	return d, nil
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
