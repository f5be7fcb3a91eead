package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

const (
	model    = "integration/testdata/fh-demo-12m-q8_0.gguf"
	text     = "integration/testdata/heldout.txt"
	clusters = 2000 // K of that model
	texts    = 4
	tokens   = 24 // of an answer

	active = "flash_head: active"
)

// check checks one release against a reference: the pinned version's converted file, and the tokens of its patched
// build, which are also those of the plug-in in the pinned version.
type check struct {
	host
	pinned *reference
	dir    string // for this release
	runs   int    // programs started in it so far
}

// reference has the results of the pinned version.
type reference struct {
	prefix  harness.Prefix
	file    string // converted
	prompts []string
	dense   [][]int
	fast    map[string][][]int // by the setting of probes
}

// settings are the numbers of probes to compare: the file's own, and one so small that other tokens come out.
var settings = []string{"", "FLASHHEAD_PROBES=20"}

// newReference converts the model and continues some texts with the patched build in prefix.
func newReference(ctx context.Context, prefix harness.Prefix, dir string) (*reference, error) {
	r := &reference{prefix: prefix, file: filepath.Join(dir, "pinned.gguf"), fast: map[string][][]int{}}
	if err := convert(ctx, prefix, r.file, dir, nil); err != nil {
		return nil, err
	}
	words, err := os.ReadFile(text)
	if err != nil {
		return nil, err
	}
	all := strings.Fields(string(words))
	for i := range texts {
		at := i * len(all) / texts
		r.prompts = append(r.prompts, strings.Join(all[at:at+40], " "))
	}
	c := &check{host: host{Prefix: prefix}, pinned: r, dir: dir}
	if r.dense, _, err = c.continuations(ctx, "FLASHHEAD_ENABLED=0"); err != nil {
		return nil, err
	}
	for _, probes := range settings {
		got, log, err := c.continuations(ctx, "FLASHHEAD_EXACT=off", probes)
		if err != nil {
			return nil, err
		}
		if !strings.Contains(log, active) {
			return nil, errors.New("the patched build has no active head")
		}
		r.fast[probes] = got
	}
	if reflect.DeepEqual(r.fast[settings[1]], r.dense) {
		return nil, fmt.Errorf("with %s the dense tokens come out: the comparison would say little", settings[1])
	}
	return r, nil
}

// convert runs `fh-ollama convert` of a prefix.
func convert(ctx context.Context, prefix harness.Prefix, out, dir string, env []string) error {
	cmd := exec.CommandContext(ctx, prefix.Bin("fh-ollama"), "convert", model, "-o", out, "--plain")
	cmd.Env = append(append(harness.Environment(dir), "TMPDIR="+dir), env...)
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("fh-ollama convert: %w\n%s", err, said)
	}
	return nil
}

// continuations continues the texts with its own llama-server, and returns the tokens and the log.
func (c *check) continuations(ctx context.Context, env ...string) ([][]int, string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	c.runs++
	dir := filepath.Join(c.dir, fmt.Sprint("run", c.runs))
	l, err := harness.StartLlama(ctx, c.Prefix, dir, []string{"--model", c.pinned.file}, env...)
	if err != nil {
		return nil, "", err
	}
	defer l.Stop()
	var all [][]int
	for _, prompt := range c.pinned.prompts {
		got, err := l.Greedy(ctx, prompt, tokens)
		if err != nil {
			return nil, "", fmt.Errorf("%w\n%s", err, l.Log())
		}
		all = append(all, got)
	}
	return all, l.Log(), nil
}

// converts reports whether the plug-in's tool makes the same file with the release's libraries as the pinned build.
func (c *check) converts(ctx context.Context) (string, error) {
	out := filepath.Join(c.dir, "converted.gguf")
	if err := convert(ctx, c.Prefix, out, c.dir, c.plugin); err != nil {
		return "", err
	}
	got, err := os.ReadFile(out)
	if err != nil {
		return "", err
	}
	want, err := os.ReadFile(c.pinned.file)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(got, want) {
		return "", errors.New("the file is another than the pinned build's")
	}
	return "same file", nil
}

// allClusters reports whether the plug-in is active and, with all clusters probed, chooses the release's own tokens.
func (c *check) allClusters(ctx context.Context) (string, error) {
	dense, _, err := c.continuations(ctx)
	if err != nil {
		return "", err
	}
	got, log, err := c.continuations(ctx, append(c.plugin, fmt.Sprint("FLASHHEAD_PROBES=", clusters))...)
	if err != nil {
		return "", err
	}
	if err := isActive(log, 1); err != nil {
		return "", err
	}
	if !reflect.DeepEqual(got, dense) {
		return "", errors.New("other tokens than without the plug-in")
	}
	return "same tokens", nil
}

// fewClusters reports whether the plug-in chooses the same tokens as in the pinned version.
func (c *check) fewClusters(ctx context.Context) (string, error) {
	dense, _, err := c.continuations(ctx)
	if err != nil {
		return "", err
	}
	comparable := 0 // texts that both versions continue alike without FlashHead, so only the head matters
	for i := range dense {
		if reflect.DeepEqual(dense[i], c.pinned.dense[i]) {
			comparable++
		}
	}
	same := 0
	for _, probes := range settings {
		got, log, err := c.continuations(ctx, append(c.plugin, probes)...)
		if err != nil {
			return "", err
		}
		if err := isActive(log, 1); err != nil {
			return "", err
		}
		if probes != "" && reflect.DeepEqual(got, dense) {
			return "", fmt.Errorf("with %s the dense tokens come out", probes)
		}
		for i := range got {
			if reflect.DeepEqual(got[i], c.pinned.fast[probes][i]) {
				same++
			}
		}
	}
	said := fmt.Sprintf("%d of %d", same, len(settings)*len(dense))
	if comparable == len(dense) && same < len(settings)*len(dense) {
		return "", fmt.Errorf("%s texts as in the pinned version, though all of them are without the plug-in", said)
	}
	if comparable < len(dense) {
		said += fmt.Sprintf(" (dense %d of %d)", comparable, len(dense))
	}
	return said, nil
}

// isActive returns an error unless the log says so many times that the head is active.
func isActive(log string, times int) error {
	if strings.Count(log, active) == times {
		return nil
	}
	var said []string
	for line := range strings.Lines(log) {
		if i := strings.Index(line, "flash_head: "); i >= 0 {
			said = append(said, strings.TrimSpace(line[i:]))
		}
	}
	if len(said) == 0 {
		said = []string{"the log has no line of the plug-in"}
	}
	return errors.New(strings.Join(said, "; "))
}

// devices reports whether the plug-in leaves the list of devices unchanged, which Ollama counts.
func (c *check) devices(ctx context.Context) (string, error) {
	list := func(env ...string) (string, error) {
		cmd := exec.CommandContext(ctx, c.Lib("llama-server"), "--list-devices")
		cmd.Env = append(harness.Environment(c.dir), env...)
		out, err := cmd.Output()
		if err != nil {
			return "", fmt.Errorf("llama-server --list-devices: %w", err)
		}
		return string(out), nil
	}
	want, err := list()
	if err != nil {
		return "", err
	}
	got, err := list(c.plugin...)
	if err != nil {
		return "", err
	}
	if got != want {
		return "", fmt.Errorf("with the plug-in the list is %q, without %q", got, want)
	}
	return "as without", nil
}

// ollama does what a user does: create a model, use it, let it be unloaded, use it again.
func (c *check) ollama(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	dir := filepath.Join(c.dir, "ollama")
	o, err := harness.Start(ctx, c.Prefix, dir, c.plugin...)
	if err != nil {
		return "", err
	}
	defer o.Stop()
	if _, err := o.Run(ctx, c.Bin("fh-ollama"), "create", "fast", "--from", model, "--plain"); err != nil {
		return "", err
	}
	var answers []string
	for range 2 {
		answer := ""
		err := o.Client.Generate(ctx, &api.GenerateRequest{
			Model: "fast", Prompt: c.pinned.prompts[0], Raw: true, KeepAlive: &api.Duration{},
			Options: map[string]any{"temperature": 0, "seed": 1, "num_predict": tokens, "num_ctx": 256},
		}, func(r api.GenerateResponse) error { answer += r.Response; return nil })
		if err != nil {
			return "", fmt.Errorf("%w\n%s", err, o.Log())
		}
		answers = append(answers, answer)
		if err := unloaded(ctx, o); err != nil {
			return "", err
		}
	}
	if answers[0] == "" || answers[0] != answers[1] {
		return "", fmt.Errorf("it answers %q", answers)
	}
	if err := isActive(o.Log(), 2); err != nil {
		return "", err
	}
	return "active, twice", nil
}

// unloaded waits until the server has no model in memory.
func unloaded(ctx context.Context, o *harness.Ollama) error {
	for {
		list, err := o.Client.ListRunning(ctx)
		if err != nil || len(list.Models) == 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.New("the model stays in memory")
		case <-time.After(100 * time.Millisecond):
		}
	}
}
