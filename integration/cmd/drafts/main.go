// Command drafts measures what FlashHead gains in speculative decoding. A draft model with FlashHead is compared with
// the same model with its dense head and with no draft. The target's head is always dense, so all three write the same
// text; they differ in the share of accepted tokens and in speed.
//
//	go run ./integration/cmd/drafts --target MODEL.gguf --draft DRAFT-flashhead.gguf
//	go run ./integration/cmd/drafts --target MODEL-flashhead.gguf --type draft-mtp     # a target that drafts for itself
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/processors"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
	"github.com/fh-ollama/fh-ollama/internal/table"
)

const (
	heldOut      = "integration/testdata/heldout.txt" // prompts are from it
	promptWords  = 40
	answerTokens = 128 // of each continuation
	contextSize  = 1024
	ahead        = 4 // drafted tokens in a batch
)

type options struct {
	prefix        harness.Prefix
	target, draft string
	kind          string // llama-server's --spec-type
	prompts       int
	runs          int
	threads       int
	settings      harness.List // FlashHead's
}

func main() {
	o := options{prefix: "dist"}
	flag.Var(&o.prefix, "prefix", "`DIR` of the patched build")
	flag.Var(&o.settings, "settings", "comma-separated `LIST` of settings, e.g. FLASHHEAD_PROBES=64")
	flag.StringVar(&o.target, "target", "", "GGUF `FILE` of the target")
	flag.StringVar(&o.draft, "draft", "", "converted GGUF `FILE` of the draft; none for a target that drafts for itself")
	flag.StringVar(&o.kind, "type", "draft-simple", "llama-server's `TYPE` of speculative decoding")
	flag.IntVar(&o.prompts, "prompts", 8, "continue `N` prompts")
	flag.IntVar(&o.runs, "runs", 5, "measure each side `N` times")
	flag.IntVar(&o.threads, "threads", processors.Usable(), "use `N` threads")
	harness.Program{Name: "drafts", Run: o.run}.Main()
}

// side is one of the servers that are compared.
type side struct {
	name    string
	drafts  bool
	env     []string
	needs   string // in its log
	running *harness.Llama
}

// writing is the output of one run of a side.
type writing struct {
	tokens            [][]int
	perSecond         float64 // of all tokens
	drafted, accepted int
}

func (o *options) run(ctx context.Context, dir string) error {
	prompts, err := o.read()
	if err != nil {
		return err
	}
	sides := []*side{
		{name: "no draft", env: []string{"FLASHHEAD_ENABLED=0"}},
		{name: "dense draft", drafts: true, env: []string{"FLASHHEAD_ENABLED=0"}},
		{name: "FlashHead draft", drafts: true, env: append([]string{"FLASHHEAD_SCOPE=draft"}, o.settings...),
			needs: "flash_head: active"},
	}
	for i, s := range sides {
		if err := o.start(ctx, s, filepath.Join(dir, strconv.Itoa(i))); err != nil {
			return err
		}
		defer s.running.Stop()
	}
	measured, err := harness.Measure(ctx, len(sides), o.runs, func(i int) (writing, error) {
		return write(ctx, sides[i].running, prompts)
	})
	if err != nil {
		return err
	}

	fmt.Printf("%s drafts %d tokens at a time for %s, %d threads, %d prompts continued by %d tokens\n"+
		"median of %d runs in turn (minimum to maximum)\n\n",
		o.drafter(), ahead, o.target, o.threads, o.prompts, answerTokens, o.runs)
	speeds := make([][]float64, len(sides))
	for i := range sides {
		for _, w := range measured[i] {
			speeds[i] = append(speeds[i], w.perSecond)
		}
	}
	results := table.New("lrrr", "", "tokens/s", "accepted of the drafted tokens", "speed-up over the dense draft")
	for i, s := range sides {
		accepted := ""
		if first := measured[i][0]; s.drafts {
			share := statistics.Proportion{Count: first.accepted, Total: first.drafted}.Share()
			accepted = fmt.Sprintf("%d of %d (%.1f %%)", first.accepted, first.drafted, 100*share)
		}
		ratios := statistics.Ratios(speeds[i], speeds[1])
		results.Row(s.name, harness.Spread("%.1f", speeds[i]), accepted, harness.Spread("%.2f", ratios))
	}
	same := slices.EqualFunc(measured[1][0].tokens, measured[2][0].tokens, slices.Equal)
	fmt.Printf("%s\nthe same tokens with both drafts: %v\n", results.Markdown(), same)
	return nil
}

// drafter returns the path of the model that drafts.
func (o *options) drafter() string {
	if o.draft == "" {
		return o.target
	}
	return o.draft
}

// read checks the options and returns the prompts, evenly spread over the text.
func (o *options) read() ([]string, error) {
	if o.target == "" || o.draft == "" && o.kind == "draft-simple" {
		return nil, hint.New("a model is missing", "give --target and --draft, or --target and --type draft-mtp")
	}
	if min(o.runs, o.prompts) < 1 {
		return nil, hint.New("--runs and --prompts must be at least 1", "see --help")
	}
	text, err := os.ReadFile(heldOut)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(string(text))
	var prompts []string
	for i := range o.prompts {
		at := i * (len(words) - promptWords) / o.prompts
		prompts = append(prompts, strings.Join(words[at:at+promptWords], " "))
	}
	return prompts, nil
}

// start starts a side's server.
func (o *options) start(ctx context.Context, s *side, dir string) (err error) {
	args := []string{"--model", o.target, "--threads", strconv.Itoa(o.threads), "--ctx-size", strconv.Itoa(contextSize)}
	if s.drafts {
		args = append(args, "--spec-type", o.kind, "--spec-draft-n-max", strconv.Itoa(ahead))
		if o.draft != "" {
			args = append(args, "--spec-draft-model", o.draft)
		}
	}
	if s.running, err = harness.StartLlama(ctx, o.prefix, dir, args, s.env...); err != nil {
		return err
	}
	if !strings.Contains(s.running.Log(), s.needs) {
		s.running.Stop()
		return hint.New("FlashHead is not active for "+o.drafter(), "convert it: fh-ollama convert "+o.drafter())
	}
	return nil
}

// write continues all prompts once.
func write(ctx context.Context, server *harness.Llama, prompts []string) (w writing, err error) {
	n, seconds := 0.0, 0.0
	for _, prompt := range prompts {
		c, err := server.Continue(ctx, prompt, answerTokens)
		if err != nil {
			return w, err
		}
		n += float64(len(c.Tokens))
		if c.PerSecond > 0 {
			seconds += float64(len(c.Tokens)) / c.PerSecond
		}
		w.tokens = append(w.tokens, c.Tokens)
		w.drafted, w.accepted = w.drafted+c.Drafted, w.accepted+c.Accepted
	}
	w.perSecond = n / seconds
	return w, nil
}
