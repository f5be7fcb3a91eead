package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/convert"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// Sweep tries tiny models of all architectures (ggmlhead/tests/tiny-models.cpp) in the patched build and, with the
// plug-in, in the stock one.
type Sweep struct {
	patched Prefix
	dir     string
	hosts   []sweepHost
}

// sweepHost is one of the runtimes.
type sweepHost struct {
	name    string
	program string // path of tiny-tokens, which loads the libraries beside it
	env     []string
}

// NewSweep returns a sweep of the patched build and of the stock build with the plug-in. Call Close when done.
func NewSweep(patched, stock Prefix) (*Sweep, error) {
	dir, err := os.MkdirTemp("", "fh-ollama-architectures-")
	if err != nil {
		return nil, err
	}
	s := &Sweep{patched: patched, dir: dir}
	s.hosts = append(s.hosts, sweepHost{name: "patched", program: patched.Lib("tiny-tokens")})
	if err := s.addPlugin(stock); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// addPlugin adds the stock libraries, linked beside a copy of tiny-tokens, with the plug-in.
func (s *Sweep) addPlugin(stock Prefix) error {
	library, err := filepath.Abs(filepath.Join(string(s.patched), "lib", "flashhead", "libggml-flashhead.so"))
	if err == nil {
		_, err = os.Stat(library)
	}
	if err != nil {
		return fmt.Errorf("the plug-in is missing, run make plugin: %w", err)
	}
	dir := filepath.Join(s.dir, "stock")
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	libraries, err := filepath.Glob(stock.Lib("lib*"))
	if err != nil || len(libraries) == 0 {
		return fmt.Errorf("%s has no libraries, run make stock", stock)
	}
	for _, path := range libraries {
		if path, err = filepath.Abs(path); err == nil {
			err = os.Symlink(path, filepath.Join(dir, filepath.Base(path)))
		}
		if err != nil {
			return err
		}
	}
	data, err := os.ReadFile(s.patched.Lib("tiny-tokens"))
	if err != nil {
		return err
	}
	program := filepath.Join(dir, "tiny-tokens")
	s.hosts = append(s.hosts, sweepHost{"plug-in", program, []string{"GGML_BACKEND_PATH=" + library}})
	return os.WriteFile(program, data, 0o755)
}

// Close removes all temporary files.
func (s *Sweep) Close() { os.RemoveAll(s.dir) }

// Row is the result for one architecture.
type Row struct {
	Arch  string
	Cells map[string]Cell // by kind of model; empty if there is no tiny model
}

// Cell is the result for one tiny model.
type Cell struct {
	Refused string            // why the tools refuse to convert it
	Broken  string            // why a runtime cannot run it dense
	Failed  string            // any other error
	Runs    map[string]string // by runtime: "" if FlashHead is active and gives the dense tokens, else what happens
}

// Run makes and tries tiny models of the given architectures, by default of all.
func (s *Sweep) Run(ctx context.Context, architectures []string) ([]*Row, error) {
	rows, err := s.models(ctx, architectures)
	if err != nil {
		return nil, err
	}
	var wait sync.WaitGroup
	turn := make(chan struct{}, runtime.GOMAXPROCS(0))
	for _, r := range rows {
		turn <- struct{}{}
		wait.Go(func() {
			defer func() { <-turn }()
			for kind := range r.Cells {
				file := filepath.Join(s.dir, r.Arch+"-"+kind+".gguf")
				r.Cells[kind] = s.try(ctx, file)
				os.Remove(file)
			}
		})
	}
	wait.Wait()
	return rows, ctx.Err()
}

// models writes tiny models as ARCHITECTURE-KIND.gguf and returns a row for each architecture.
func (s *Sweep) models(ctx context.Context, architectures []string) ([]*Row, error) {
	cmd := exec.CommandContext(ctx, s.patched.Lib("tiny-models"), append([]string{s.dir}, architectures...)...)
	cmd.Env = append(os.Environ(), "GGML_NO_BACKTRACE=1") // a model that cannot be made aborts its process
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("tiny-models: %w", err)
	}
	var rows []*Row
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		r := &Row{Arch: fields[0], Cells: map[string]Cell{}}
		for _, kind := range fields[1:] {
			if kind != "none" {
				r.Cells[kind] = Cell{}
			}
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// try runs a model dense, converts it, and runs it with all clusters probed.
func (s *Sweep) try(ctx context.Context, file string) (c Cell) {
	dense := map[string]string{}
	for _, h := range s.hosts {
		tokens, _, err := h.tokens(ctx, file)
		if err != nil {
			c.Broken = err.Error()
			return c
		}
		dense[h.name] = tokens
	}
	var biased bool
	var err error
	if c.Refused, biased, err = refusal(file); err != nil {
		c.Failed = err.Error()
	}
	if c.Refused != "" || c.Failed != "" {
		return c
	}
	fast := file + ".flashhead"
	defer os.Remove(fast)
	clusters, err := s.convert(ctx, file, fast, biased)
	if err != nil {
		c.Failed = err.Error()
		return c
	}
	c.Runs = map[string]string{}
	for _, h := range s.hosts {
		tokens, log, err := h.tokens(ctx, fast, fmt.Sprintf("FLASHHEAD_PROBES=%d", clusters), "FLASHHEAD_EXACT=off",
			"FLASHHEAD_STATS=1")
		active, reason := headSaid(log)
		switch {
		case err != nil:
			c.Failed = err.Error()
		case !active:
			c.Runs[h.name] = "dense: " + reason
		case !strings.Contains(log, "tokens scored exactly"): // in the statistics: the graph contained the head
			c.Runs[h.name] = "active, but never asked"
		case tokens != dense[h.name]:
			c.Runs[h.name] = "active, other tokens"
		default:
			c.Runs[h.name] = ""
		}
	}
	return c
}

// refusal returns why the tools refuse to convert a file, "" if they accept it, and whether its head has a bias.
func refusal(file string) (why string, biased bool, err error) {
	f, err := gguf.Open(file)
	if err != nil {
		return "", false, err
	}
	defer f.Close()
	head, err := flashhead.FindHead(f)
	if err != nil {
		return err.Error(), false, nil
	}
	if err := flashhead.Obstacle(f, head); err != nil {
		return err.Error(), false, nil
	}
	return "", head.Bias, nil
}

// convert converts a model, with codes if its head has a bias, and returns its number of clusters.
func (s *Sweep) convert(ctx context.Context, in, out string, biased bool) (uint32, error) {
	o := convert.Defaults()
	o.Input, o.Output, o.LibDir, o.Threads = in, out, s.patched.Lib(""), 1
	o.Plain, o.NoCalibrate = !biased, biased
	o.ClusterSize = 8 // most tiny models have 128 tokens: 16 clusters
	summary, err := convert.Convert(ctx, o, progress.New(io.Discard))
	return summary.Parameters.Clusters, err
}

// tokens runs a model and returns the generated tokens and the log.
func (h sweepHost) tokens(ctx context.Context, model string, env ...string) (tokens, log string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, h.program, model)
	cmd.Env = append(slices.Concat(os.Environ(), h.env, env), "GGML_NO_BACKTRACE=1")
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(said.String()), "\n")
		err = errors.Join(err, errors.New(lines[len(lines)-1]))
	}
	return string(out), said.String(), err
}

// headSaid reads from a log whether FlashHead is active, and why not.
func headSaid(log string) (active bool, reason string) {
	reason = "no message in the log"
	for line := range strings.Lines(log) {
		_, text, ok := strings.Cut(strings.TrimSpace(line), "flash_head: ")
		switch {
		case !ok:
		case strings.HasPrefix(text, "active"):
			return true, ""
		default:
			reason = strings.TrimSuffix(text, "; running dense")
		}
	}
	return false, reason
}
