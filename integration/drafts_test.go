package integration

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

// fewProbes makes a head often wrong.
const fewProbes = "FLASHHEAD_PROBES=4"

// drafting is the output of a server with a draft.
type drafting struct {
	tokens            [][]int
	drafted, accepted int
	log               string
}

func (d drafting) rate() float64 { return float64(d.accepted) / float64(max(d.drafted, 1)) }

// draft continues prompts greedily on a llama-server with args, which name the draft.
func draft(t *testing.T, h host, prompts []any, args []string, env ...string) (d drafting) {
	t.Helper()
	l := startLlama(t, h, append(args, "--spec-draft-n-max", "3", "--threads", "1"), append(env, "FLASHHEAD_STATS=1")...)
	for _, prompt := range prompts {
		c, err := l.Continue(timeout(t), prompt, 40)
		if err != nil {
			t.Fatalf("%v\n%s", err, end(l.Log()))
		}
		d.tokens = append(d.tokens, c.Tokens)
		d.drafted, d.accepted = d.drafted+c.Drafted, d.accepted+c.Accepted
	}
	l.Stop() // which unloads the models
	d.log = l.Log()
	return d
}

// says checks that the log of a run has all of want.
func (d drafting) says(t *testing.T, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(d.log, text) {
			t.Errorf("the log does not say %q:\n%s", text, end(d.log))
		}
	}
}

// onlyDrafts checks that FlashHead made all drafts and nothing else.
func (d drafting) onlyDrafts(t *testing.T) {
	t.Helper()
	if target, s := lastStatistics(d.log), lastDraftStatistics(d.log); target.steps != 0 || s.steps < d.drafted ||
		s.denseSteps != 0 {
		t.Errorf("%d tokens were drafted; statistics of the target %+v, of drafts %+v", d.drafted, target, s)
	}
}

const (
	noKeys    = "flash_head: inactive: the model's file has no flashhead keys"
	noDraft   = "flash_head: inactive: FLASHHEAD_SCOPE=draft and this is no draft model"
	noTarget  = "flash_head: inactive: FLASHHEAD_SCOPE=target and this is a draft model"
	onlyDraft = ", scope draft; "
)

func texts(t *testing.T, n int) (list []any) {
	for _, text := range prompts(t, n) {
		list = append(list, text)
	}
	return list
}

// The target checks a draft's proposals. With FlashHead only for drafts, the answer is the stock model's, with fewer
// correct proposals. In other scopes the target's own head also misses tokens.
func TestDraftModel(t *testing.T) { onBothHosts(t, draftModel) }

func draftModel(t *testing.T, h host) {
	fast, copied := converted(t), filepath.Join(t.TempDir(), "draft.gguf") // the plug-in tells models apart by their files
	copyTree(t, fast, copied)
	ask := texts(t, 4)
	with := func(target, draft string) []string {
		return []string{"--model", target, "--spec-type", "draft-simple", "--spec-draft-model", draft}
	}
	want := draft(t, stock(t), ask, with(trainedModel, trainedModel))
	if want.rate() < 0.9 {
		t.Fatalf("of a model that drafts for itself only %d of %d tokens are right", want.accepted, want.drafted)
	}

	t.Run("target untouched", func(t *testing.T) {
		got := draft(t, h, ask, with(trainedModel, fast), "FLASHHEAD_SCOPE=draft", fewProbes)
		sameTokens(t, "scope draft", got.tokens, want.tokens)
		if got.accepted == 0 || got.rate() > want.rate()-0.05 {
			t.Errorf("%d of %d drafted tokens are right, of a dense draft's %d of %d", got.accepted, got.drafted, want.accepted,
				want.drafted)
		}
		got.onlyDrafts(t)
		got.says(t, noKeys, onlyDraft)
	})
	t.Run("both converted", func(t *testing.T) {
		got := draft(t, h, ask, with(fast, copied), "FLASHHEAD_SCOPE=draft", fewProbes)
		sameTokens(t, "scope draft", got.tokens, want.tokens)
		got.onlyDrafts(t)
		got.says(t, noDraft, onlyDraft)
	})

	alone := draft(t, h, ask, []string{"--model", fast}, fewProbes)
	if slices.EqualFunc(alone.tokens, want.tokens, slices.Equal) {
		t.Fatal("so few probes choose the dense tokens: the comparison says little")
	}
	t.Run("scope target", func(t *testing.T) {
		got := draft(t, h, ask, with(fast, copied), "FLASHHEAD_SCOPE=target", fewProbes)
		sameTokens(t, "scope target", got.tokens, alone.tokens)
		if s := lastDraftStatistics(got.log); s.steps != 0 || lastStatistics(got.log).steps == 0 {
			t.Errorf("statistics of drafts %+v, of the target %+v", s, lastStatistics(got.log))
		}
		got.says(t, noTarget, ", scope target; ")
	})
	t.Run("scope all", func(t *testing.T) {
		got := draft(t, h, ask, with(fast, copied), fewProbes)
		sameTokens(t, "scope all", got.tokens, alone.tokens)
		if lastDraftStatistics(got.log).steps < got.drafted || lastStatistics(got.log).steps == 0 {
			t.Errorf("statistics of drafts %+v, of the target %+v", lastDraftStatistics(got.log), lastStatistics(got.log))
		}
	})
}

// The plug-in tells models apart by their files, so it is inactive for a file that is both target and draft.
func TestPluginWithOneFileForBoth(t *testing.T) {
	testlevel.Long(t)
	h, fast := plugin(t), converted(t)
	for _, scope := range []string{"draft", "target"} {
		got := draft(t, h, texts(t, 1), []string{"--model", fast, "--spec-type", "draft-simple", "-md", fast},
			"FLASHHEAD_SCOPE="+scope)
		got.says(t, "flash_head: inactive: FLASHHEAD_SCOPE="+scope+" and this file is both target and draft")
		if strings.Contains(got.log, "flash_head: active") {
			t.Errorf("with scope %s the plug-in is active:\n%s", scope, end(got.log))
		}
	}
}

// A model that predicts later tokens itself (MTP) uses one output weight for both. FlashHead serves only the
// predictions.
func TestPredictingModel(t *testing.T) {
	testlevel.Long(t)
	dir := t.TempDir()
	ask := []any{[]int{0, 500, 1000, 2000, 44}, []int{0, 17, 1200}, []int{0, 900, 901, 902}}
	args := func(file string) []string { return []string{"--model", file, "--spec-type", "draft-mtp"} }
	whole := predicting{name: "whole", withTrunk: true, withBlock: true}.write(t, dir)
	fast := filepath.Join(dir, "converted.gguf")
	convertFile(t, patched(t), whole, fast)
	want := draft(t, stock(t), ask, args(whole))
	if want.rate() < 0.3 {
		t.Fatalf("only %d of %d predictions are right", want.accepted, want.drafted)
	}

	t.Run("scope draft", func(t *testing.T) {
		got := draft(t, patched(t), ask, args(fast), "FLASHHEAD_SCOPE=draft", fewProbes)
		sameTokens(t, "scope draft", got.tokens, want.tokens)
		if got.accepted == 0 || got.rate() > want.rate()-0.05 {
			t.Errorf("%d of %d predictions are right, dense %d of %d", got.accepted, got.drafted, want.accepted, want.drafted)
		}
		got.onlyDrafts(t)
		got.says(t, onlyDraft)
	})
	t.Run("scope target", func(t *testing.T) {
		got := draft(t, patched(t), ask, args(fast), "FLASHHEAD_SCOPE=target", fewProbes)
		if slices.EqualFunc(got.tokens, want.tokens, slices.Equal) || lastStatistics(got.log).steps == 0 ||
			lastDraftStatistics(got.log).steps != 0 {
			t.Errorf("statistics of drafts %+v, of the target %+v", lastDraftStatistics(got.log), lastStatistics(got.log))
		}
	})
	t.Run("nothing to predict with", func(t *testing.T) { // the same file without MTP
		got := draft(t, patched(t), ask[:1], []string{"--model", fast}, "FLASHHEAD_SCOPE=draft")
		got.says(t, noDraft)
	})
	t.Run("a head of its own", func(t *testing.T) {
		own, ownFast := predicting{name: "own", withTrunk: true, withBlock: true, ownHead: true}.write(t,
			dir), filepath.Join(dir, "own-converted.gguf")
		convertFile(t, patched(t), own, ownFast)
		got := draft(t, patched(t), ask, args(ownFast), "FLASHHEAD_SCOPE=draft", fewProbes)
		sameTokens(t, "scope draft", got.tokens, draft(t, stock(t), ask, args(own)).tokens)
		got.says(t, noDraft+"; its MTP head has an output weight of its own and stays dense")
		got = draft(t, patched(t), ask[:1], args(ownFast), fewProbes)
		got.says(t, "flash_head: active", "flash_head: the MTP head has an output weight of its own; it runs dense")
		if s := lastDraftStatistics(got.log); s.steps != 0 {
			t.Errorf("statistics of drafts %+v", s)
		}
	})
	t.Run("plugin", func(t *testing.T) { // it cannot tell the two apart, and says so
		got := draft(t, plugin(t), ask, args(fast), "FLASHHEAD_SCOPE=draft", fewProbes)
		sameTokens(t, "scope draft", got.tokens, want.tokens)
		got.says(t, noDraft+"; its MTP head can be accelerated alone only by the patched build")
		got = draft(t, plugin(t), ask[:1], args(fast), "FLASHHEAD_SCOPE=target", fewProbes)
		got.says(t, "MTP head included, ")
	})
}

// A converted draft works in a Modelfile's DRAFT with a model that is not converted.
func TestDraftInOllama(t *testing.T) { onBothHosts(t, draftInOllama) }

func draftInOllama(t *testing.T, h host) {
	dir := t.TempDir()
	trunk, block := predicting{name: "trunk", withTrunk: true}.write(t, dir), predicting{name: "block",
		withBlock: true}.write(t, dir)
	fast := filepath.Join(dir, "converted.gguf")
	convertFile(t, h, block, fast)
	answer := func(o *harness.Ollama, draft string) string {
		err := modelfile.Register(timeout(t), o.Client, "drafted", &modelfile.Modelfile{
			From: []string{trunk}, Draft: []string{draft}, Template: modelfile.DefaultTemplate,
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		a := generate(t, o, "drafted", "We, the people,", 32, func(r *api.GenerateRequest) {
			r.Options["draft_num_predict"], r.Options["num_thread"] = 3, 1
		})
		return fmt.Sprintf("%d tokens: %s", a.EvalCount, a.Response)
	}
	want := answer(serve(t, stock(t)), block)
	o := serve(t, h, "FLASHHEAD_SCOPE=draft", "FLASHHEAD_STATS=1", fewProbes)
	if got := answer(o, fast); got != want {
		t.Errorf("with a converted draft %q, want %q", got, want)
	}
	log := o.Log()
	for _, text := range []string{noKeys, onlyDraft} {
		if !strings.Contains(log, text) {
			t.Errorf("the log does not say %q", text)
		}
	}
	if s := lastDraftStatistics(log); s.steps == 0 || s.denseSteps != 0 || lastStatistics(log).steps != 0 {
		t.Errorf("statistics of drafts %+v, of the target %+v", s, lastStatistics(log))
	}
}
