// Command drafts measures what FlashHead does for speculative decoding: a draft model with FlashHead against the same one
// with its dense head, and against no draft, for the same target, whose head is always dense. So all write the same text;
// what differs is how many of the drafted tokens are right, and how long it takes.
//
//	go run ./integration/cmd/drafts --target MODEL.gguf --draft DRAFT-flashhead.gguf
//	go run ./integration/cmd/drafts --target MODEL-flashhead.gguf --type draft-mtp     # predicts later tokens itself
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/processors"
	"github.com/fh-ollama/fh-ollama/internal/statistics"
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
	ahead         int // tokens that are drafted at once
	runs          int
	threads       int
	settings      []string // FlashHead's
}

func main() {
	var o options
	prefix := flag.String("prefix", "dist", "`DIR` of the patched build")
	settings := flag.String("settings", "", "comma-separated `LIST` of FlashHead's settings, as FLASHHEAD_PROBES=64")
	flag.StringVar(&o.target, "target", "", "GGUF `FILE` that writes")
	flag.StringVar(&o.draft, "draft", "", "converted GGUF `FILE` that drafts; none for a target that predicts later tokens itself")
	flag.StringVar(&o.kind, "type", "draft-simple", "llama-server's `TYPE` of drafts")
	flag.StringVar(&o.text, "text", "integration/testdata/heldout.txt", "`FILE` of text to continue")
	flag.IntVar(&o.prompts, "prompts", 8, "places of the text to continue at")
	flag.IntVar(&o.tokens, "tokens", 128, "tokens to write at each")
	flag.IntVar(&o.ahead, "ahead", 4, "tokens that are drafted at once")
	flag.IntVar(&o.runs, "runs", 5, "timed runs of each")
	flag.IntVar(&o.threads, "threads", processors.Usable(), "threads of llama.cpp")
	flag.Parse()
	o.prefix = harness.Prefix(*prefix)
	if *settings != "" {
		o.settings = strings.Split(*settings, ",")
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := o.run(ctx, os.Stdout)
	if err == nil {
		return
	}
	fmt.Fprint(os.Stderr, hint.Text("drafts", err))
	os.Exit(1)
}

// side is one of what is compared, a server.
type side struct {
	name    string
	drafts  bool
	env     []string
	needs   string // what its log must say
	running *harness.Llama
}

// writing is what one run of a side wrote.
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

func (o *options) run(ctx context.Context, out io.Writer) error {
	prompts, err := o.read()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "fh-ollama-drafts-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sides := []*side{
		{name: "no draft", env: []string{"FLASHHEAD_ENABLED=0"}},
		{name: "dense draft", drafts: true, env: []string{"FLASHHEAD_ENABLED=0"}},
		{name: "FlashHead draft", drafts: true, env: append([]string{"FLASHHEAD_SCOPE=draft"}, o.settings...), needs: "flash_head: active"},
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

	fmt.Fprintf(out, "%s drafts %d tokens for %s, %d threads; %d texts continued by %d tokens, median of %d runs in turn (slowest to fastest)\n\n",
		o.drafter(), o.ahead, o.target, o.threads, o.prompts, o.tokens, o.runs)
	fmt.Fprintf(out, "| | tokens a second | of the drafted tokens are right | as fast as the dense draft |\n|---|---|---|---|\n")
	speeds := make([][]float64, len(sides))
	for i := range sides {
		for _, w := range measured[i] {
			speeds[i] = append(speeds[i], w.perSecond())
		}
	}
	for i, s := range sides {
		first := measured[i][0]
		right := ""
		if s.drafts {
			right = fmt.Sprintf("%d of %d (%.1f %%)", first.accepted, first.drafted, 100*statistics.Proportion{Count: first.accepted, Total: first.drafted}.Share())
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", s.name, harness.Spread("%.1f", speeds[i]), right, harness.Spread("%.2f", harness.Ratios(speeds[i], speeds[1])))
	}
	same := slices.EqualFunc(measured[1][0].tokens, measured[2][0].tokens, slices.Equal)
	fmt.Fprintf(out, "\nthe same tokens with both drafts: %v\n", same)
	return nil
}

func (o *options) drafter() string {
	if o.draft == "" {
		return o.target
	}
	return o.draft
}

// read checks the options and returns the texts to continue, evenly spread over the file.
func (o *options) read() ([]string, error) {
	if o.target == "" || o.draft == "" && o.kind == "draft-simple" || o.runs < 1 || o.prompts < 1 || o.tokens < 1 || o.ahead < 1 {
		return nil, hint.New("what to measure is not clear", "give --target and --draft, or --target and --type draft-mtp; all numbers are at least 1")
	}
	text, err := os.ReadFile(o.text)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(string(text))
	if len(words) < promptWords*o.prompts {
		return nil, hint.New(fmt.Sprintf("%s has %d words, too few for %d texts of %d", o.text, len(words), o.prompts, promptWords), "give a longer text with --text, or fewer --prompts")
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

// write continues all texts once.
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
