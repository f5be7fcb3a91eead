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
	promptWords = 40
	contextSize = 1024 // tokens
)

type options struct {
	prefix        harness.Prefix
	target, draft string
	kind          string // llama-server's --spec-type
	text          string
	prompts       int
	tokens        int // of each continuation
	ahead         int // drafted tokens in a batch
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
	flag.StringVar(&o.text, "text", "integration/testdata/heldout.txt", "take prompts from `FILE`")
	flag.IntVar(&o.prompts, "prompts", 8, "continue `N` prompts")
	flag.IntVar(&o.tokens, "tokens", 128, "generate `N` tokens for each prompt")
	flag.IntVar(&o.ahead, "ahead", 4, "draft `N` tokens at a time")
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
	seconds           float64
	drafted, accepted int
}

func (w writing) perSecond() float64 {
	n := 0
	for _, tokens := range w.tokens {
		n += len(tokens)
	}
	return float64(n) / w.seconds
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
		return o.write(ctx, sides[i].running, prompts)
	})
	if err != nil {
		return err
	}

	fmt.Printf("%s drafts %d tokens at a time for %s, %d threads, %d prompts continued by %d tokens\n"+
		"median of %d runs in turn (minimum to maximum)\n\n",
		o.drafter(), o.ahead, o.target, o.threads, o.prompts, o.tokens, o.runs)
	speeds := make([][]float64, len(sides))
	for i := range sides {
		for _, w := range measured[i] {
			speeds[i] = append(speeds[i], w.perSecond())
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
	if min(o.runs, o.prompts, o.tokens, o.ahead) < 1 {
		return nil, hint.New("--runs, --prompts, --tokens and --ahead must be at least 1", "see --help")
	}
	text, err := os.ReadFile(o.text)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(string(text))
	if len(words) < promptWords*o.prompts {
		return nil, hint.New(fmt.Sprintf("%s has %d words, %d prompts need %d", o.text, len(words), o.prompts,
			promptWords*o.prompts),
			"give a longer text with --text, or fewer --prompts")
	}
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
		args = append(args, "--spec-type", o.kind, "--spec-draft-n-max", strconv.Itoa(o.ahead))
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
func (o *options) write(ctx context.Context, server *harness.Llama, prompts []string) (w writing, err error) {
	for _, prompt := range prompts {
		c, err := server.Continue(ctx, prompt, o.tokens)
		if err != nil {
			return w, err
		}
		if c.PerSecond > 0 {
			w.seconds += float64(len(c.Tokens)) / c.PerSecond
		}
		w.tokens = append(w.tokens, c.Tokens)
		w.drafted, w.accepted = w.drafted+c.Drafted, w.accepted+c.Accepted
	}
	return w, nil
}
