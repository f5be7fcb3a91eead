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
	target, drafts    statistics // of FlashHead
	log               string
}

func (d drafting) rate() float64 { return float64(d.accepted) / float64(max(d.drafted, 1)) }

// draft continues prompts greedily on a llama-server with args, which name the draft.
func draft(t *testing.T, h host, model string, args []string, prompts []any, env ...string) (d drafting) {
	t.Helper()
	args = append([]string{"--model", model, "--spec-draft-n-max", "3"}, args...)
	l := startLlama(t, h, args, append(env, "FLASHHEAD_STATS=1")...)
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
	d.target, d.drafts = lastStatistics(d.log), lastDraftStatistics(d.log)
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
	if d.target.steps != 0 || d.drafts.steps < d.drafted || d.drafts.denseSteps != 0 {
		t.Errorf("%d tokens were drafted; statistics of the target %+v, of drafts %+v", d.drafted, d.target, d.drafts)
	}
}

const (
	noKeys    = "flash_head: inactive: the model's file has no flashhead keys"
	noDraft   = "flash_head: inactive: FLASHHEAD_SCOPE=draft and this is no draft model"
	noTarget  = "flash_head: inactive: FLASHHEAD_SCOPE=target and this is a draft model"
	onlyDraft = ", scope draft; "
)

// drafted is a model with a kind of draft.
type drafted struct {
	model, fast             string   // as it is, and converted
	draft, fastDraft        []string // arguments that name the draft of each
	clusters                int
	ask                     []any
	says, saysOfOtherScopes []string // with FLASHHEAD_SCOPE=draft, and =target
}

// A draft is a model of its own.
func draftModel(t *testing.T) drafted {
	copied := filepath.Join(t.TempDir(), "draft.gguf") // the plug-in tells models apart by their files
	copyTree(t, converted(t), copied)
	with := func(draft string) []string {
		return []string{"--spec-type", "draft-simple", "--spec-draft-model", draft}
	}
	return drafted{trainedModel, converted(t), with(trainedModel), with(copied), clusterCount, asAny(prompts(t, 6)),
		[]string{noDraft, onlyDraft}, []string{noTarget, ", scope target; "}}
}

// tinyPrompts are token IDs, few enough that no batch has more rows than FlashHead serves.
var tinyPrompts = []any{
	[]int{1, 500, 1000, 2000, 44}, []int{1, 17, 1200}, []int{1, 900, 901, 902}, []int{1, 18, 1193, 44},
}

// A model predicts later tokens itself (MTP), with one output weight for both.
func predictingModel(t *testing.T) drafted {
	model, fast := predicting{withTrunk: true, withBlock: true}.write(t), filepath.Join(t.TempDir(), "converted.gguf")
	convertFile(t, patched(t), model, fast)
	args := []string{"--spec-type", "draft-mtp"}
	return drafted{model, fast, args, args, tinyVocab / 16, tinyPrompts, []string{onlyDraft}, nil}
}

// A draft borrows its target's head.
func borrowingModel(t *testing.T) drafted {
	args := []string{"--spec-type", "draft-eagle3", "--spec-draft-model", borrowing(t)}
	return drafted{trainedModel, converted(t), args, args, clusterCount, tinyPrompts,
		[]string{onlyDraft, noKeys}, nil}
}

// The target checks a draft's proposals. With FlashHead only for drafts, the answer is the stock model's. In scope
// target it is mostly that without a draft. Not always, because layers round differently for several tokens at once,
// also without FlashHead. With every cluster probed, proposals and answer are the stock build's.
func TestDrafts(t *testing.T) {
	t.Run("patched", func(t *testing.T) { drafts(t, patched(t), draftModel(t)) })
	t.Run("plugin", func(t *testing.T) { drafts(t, plugin(t), draftModel(t)) })
	if testlevel.IsLong() {
		t.Run("predicting", func(t *testing.T) { drafts(t, patched(t), predictingModel(t)) })
		t.Run("borrowing", func(t *testing.T) { drafts(t, patched(t), borrowingModel(t)) })
	}
}

func drafts(t *testing.T, h host, m drafted) {
	want := draft(t, stock(t), m.model, m.draft, m.ask)
	if want.drafted == 0 {
		t.Fatalf("nothing is drafted:\n%s", end(want.log))
	}
	run := func(env ...string) drafting { return draft(t, h, m.fast, m.fastDraft, m.ask, env...) }

	got := run("FLASHHEAD_SCOPE=draft", fewProbes)
	sameTokens(t, "scope draft", got.tokens, want.tokens)
	if want.rate() > 0.3 && (got.accepted == 0 || got.rate() > want.rate()-0.05) {
		t.Errorf("%d of %d drafted tokens are right, of a dense draft's %d of %d", got.accepted, got.drafted, want.accepted,
			want.drafted)
	}
	got.onlyDrafts(t)
	got.says(t, m.says...)

	got = run("FLASHHEAD_SCOPE=target", fewProbes)
	alone, equal := draft(t, h, m.fast, nil, m.ask, fewProbes), 0
	for i := range m.ask {
		if slices.Equal(got.tokens[i], alone.tokens[i]) {
			equal++
		}
	}
	if slices.EqualFunc(alone.tokens, want.tokens, slices.Equal) || equal < len(m.ask)*3/4 {
		t.Errorf("scope target: %v, without a draft %v, dense %v", got.tokens, alone.tokens, want.tokens)
	}
	if got.drafts.steps != 0 || got.target.steps == 0 {
		t.Errorf("scope target: statistics of drafts %+v, of the target %+v", got.drafts, got.target)
	}
	got.says(t, m.saysOfOtherScopes...)

	got = run(fmt.Sprintf("FLASHHEAD_PROBES=%d", m.clusters))
	sameTokens(t, "every cluster", got.tokens, want.tokens)
	if got.drafted != want.drafted || got.accepted != want.accepted {
		t.Errorf("%d of %d proposals are accepted, of the stock build's %d of %d", got.accepted, got.drafted, want.accepted,
			want.drafted)
	}
	if got.drafts.steps == 0 || got.target.steps == 0 {
		t.Errorf("FlashHead did not serve both: statistics of drafts %+v, of the target %+v", got.drafts, got.target)
	}
}

// A draft for a model that is not converted.
func TestDraftOfDenseModel(t *testing.T) {
	testlevel.Long(t)
	onBothHosts(t, func(t *testing.T, h host) {
		m := draftModel(t)
		want := draft(t, stock(t), m.model, m.draft, m.ask)
		got := draft(t, h, m.model, m.fastDraft, m.ask, "FLASHHEAD_SCOPE=draft", fewProbes)
		sameTokens(t, "scope draft", got.tokens, want.tokens)
		got.onlyDrafts(t)
		got.says(t, noKeys, onlyDraft)
	})
}

// What cannot be told apart, or has nothing to draft with, is dense, and the log says why.
func TestDraftsThatStayDense(t *testing.T) {
	testlevel.Long(t)
	own := predicting{withTrunk: true, withBlock: true, ownHead: true}.write(t)
	ownFast := filepath.Join(t.TempDir(), "own.gguf")
	convertFile(t, patched(t), own, ownFast)
	mtp, both := predictingModel(t), converted(t)
	twice := []string{"--spec-type", "draft-simple", "--spec-draft-model", both}
	const oneFile = " and this file is both target and draft"
	for name, c := range map[string]struct {
		host  host
		model string
		args  []string
		scope string
		says  string
	}{
		"nothing to predict with": {patched(t), mtp.fast, nil, "draft", noDraft},
		"own head": {patched(t), ownFast, mtp.draft, "draft",
			noDraft + "; its MTP head has an output weight of its own and stays dense"},
		"own head, all": {patched(t), ownFast, mtp.draft, "all",
			"flash_head: the MTP head has an output weight of its own; it runs dense"},
		"plugin, MTP": {plugin(t), mtp.fast, mtp.draft, "draft",
			noDraft + "; its MTP head can be accelerated alone only by the patched build"},
		"plugin, MTP, target":      {plugin(t), mtp.fast, mtp.draft, "target", "MTP head included, "},
		"plugin, one file, draft":  {plugin(t), both, twice, "draft", "inactive: FLASHHEAD_SCOPE=draft" + oneFile},
		"plugin, one file, target": {plugin(t), both, twice, "target", "inactive: FLASHHEAD_SCOPE=target" + oneFile},
	} {
		t.Run(name, func(t *testing.T) {
			got := draft(t, c.host, c.model, c.args, tinyPrompts[:1], "FLASHHEAD_SCOPE="+c.scope, fewProbes)
			got.says(t, c.says)
			active, own := activeLine(got.log) != "", strings.HasPrefix(name, "own head")
			if active == strings.Contains(c.says, "inactive") || own && got.drafts.steps > 0 {
				t.Errorf("FlashHead is active %v; statistics of drafts %+v\n%s", active, got.drafts, end(got.log))
			}
		})
	}
}

// A converted draft works in a Modelfile's DRAFT with a model that is not converted, and `on` gives model and draft a
// map each.
func TestDraftInOllama(t *testing.T) { onHosts(t, draftInOllama) }

func draftInOllama(t *testing.T, h host) {
	trunk, block := predicting{withTrunk: true}.write(t), predicting{withBlock: true}.write(t)
	fast := filepath.Join(t.TempDir(), "converted.gguf")
	convertFile(t, h, block, fast)
	answer := func(o *harness.Ollama) string {
		a := generate(t, o, "pair", "We, the people,", 32, func(r *api.GenerateRequest) {
			r.Options["draft_num_predict"] = 3
		})
		return fmt.Sprintf("%d tokens: %s", a.EvalCount, a.Response)
	}
	start := func(h host, draft string, env ...string) *harness.Ollama {
		o := serve(t, h, env...)
		err := modelfile.Register(timeout(t), o.Client, "pair", &modelfile.Modelfile{
			From: []string{trunk}, Draft: []string{draft}, Template: modelfile.DefaultTemplate,
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	want := answer(start(stock(t), block))
	o := start(h, fast, "FLASHHEAD_SCOPE=draft", "FLASHHEAD_STATS=1", fewProbes)
	if got := answer(o); got != want {
		t.Errorf("with a converted draft %q, want %q", got, want)
	}
	d := drafting{log: o.Log(), target: lastStatistics(o.Log()), drafts: lastDraftStatistics(o.Log()), drafted: 1}
	d.onlyDrafts(t)
	d.says(t, noKeys, onlyDraft)

	o = start(h, block)
	if got := answer(o); got != want || activeLine(o.Log()) != "" {
		t.Fatalf("without maps %q, want %q\n%s", got, want, end(o.Log()))
	}
	mapCommand(t, o, append([]string{"on", "pair", "--yes"}, mapFlags...)...)
	list := mapCommand(t, o, "list")
	for _, name := range []string{"pair:latest ", "pair:latest (draft)"} {
		if !lineWith(list, name, " on ", " yes") {
			t.Errorf("%s is not on:\n%s", name, list)
		}
	}
	answer(o)
	if n := strings.Count(o.Log(), "flash_head: active"); n != 2 {
		t.Errorf("FlashHead is active in %d of two models\n%s", n, end(o.Log()))
	}
	mapCommand(t, o, "off", "pair")
	if list := mapCommand(t, o, "list"); lineWith(list, "pair:latest", " on ") {
		t.Errorf("after off list says\n%s", list)
	}
	if got := answer(o); got != want {
		t.Errorf("after off it answers %q, before on %q", got, want)
	}
}
