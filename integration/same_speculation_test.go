package integration

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// Speculative decoding with FlashHead for draft and target. With every cluster probed, proposals, accepted tokens and
// text are the stock build's. With few, the text is mostly that without a draft. Not always, because layers round
// differently for several tokens at once, also without FlashHead.
func TestSpeculationSameAsDense(t *testing.T) {
	testlevel.Long(t)
	h, dir := patched(t), t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	whole := predicting{name: "whole", withTrunk: true, withBlock: true}.write(t, dir)
	target := tiny{name: "target", arch: "llama", headType: gguftest.TypeQ8_0, untied: true}.write(t, dir)
	borrower := borrowing(t, dir)
	convertFile(t, h, whole, path("whole-converted.gguf"))
	convertFile(t, h, target, path("target-converted.gguf"))
	var tokens []any
	for i := range 8 {
		tokens = append(tokens, []int{0, 18 + i, 1200 - 7*i, 44})
	}
	for _, c := range []struct {
		name              string
		model, fast       string
		clusters          int
		ask               []any
		dense, flashheads []string // arguments that name the draft
	}{
		{"draft model", trainedModel, converted(t), clusterCount, texts(t, 8),
			[]string{"--spec-type", "draft-simple", "--spec-draft-model", trainedModel},
			[]string{"--spec-type", "draft-simple", "--spec-draft-model", converted(t)}},
		{"MTP", whole, path("whole-converted.gguf"), tinyClusters, tokens,
			[]string{"--spec-type", "draft-mtp"}, []string{"--spec-type", "draft-mtp"}},
		{"borrowed head", target, path("target-converted.gguf"), tinyClusters, tokens,
			[]string{"--spec-type", "draft-eagle3", "--spec-draft-model", borrower},
			[]string{"--spec-type", "draft-eagle3", "--spec-draft-model", borrower}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := draft(t, stock(t), c.ask, append(c.dense, "--model", c.model))
			every := draft(t, h, c.ask, append(c.flashheads, "--model", c.fast), fmt.Sprintf("FLASHHEAD_PROBES=%d", c.clusters))
			sameTokens(t, "every cluster", every.tokens, want.tokens)
			if want.drafted == 0 || every.drafted != want.drafted || every.accepted != want.accepted {
				t.Errorf("%d of %d proposals are accepted, of the stock build's %d of %d", every.accepted, every.drafted,
					want.accepted, want.drafted)
			}
			if s := lastDraftStatistics(every.log); s.steps == 0 || lastStatistics(every.log).steps == 0 {
				t.Errorf("FlashHead did not serve both sides: statistics of drafts %+v, of the target %+v", s,
					lastStatistics(every.log))
			}
			few := draft(t, h, c.ask, append(c.flashheads, "--model", c.fast), fewProbes)
			alone := draft(t, h, c.ask, []string{"--model", c.fast}, fewProbes)
			equal := 0
			for i := range c.ask {
				if slices.Equal(few.tokens[i], alone.tokens[i]) {
					equal++
				}
			}
			t.Logf("few clusters: %d of %d texts are those that come without proposals", equal, len(c.ask))
			if equal < len(c.ask)*3/4 {
				t.Errorf("few clusters: only %d of %d texts are those that come without proposals", equal, len(c.ask))
			}
		})
	}
}
