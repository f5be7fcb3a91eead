package bench

import (
	"context"
	"fmt"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/sampletext"
)

// promptTokens is the most tokens of an answer's prompt, promptLetters what is surely enough for them.
const (
	promptTokens  = 64
	promptLetters = 400
)

// The heads that answers are timed with.
const (
	denseHead = iota
	checkedHead
	uncheckedHead
	numberOfHeads
)

// answers times answers of llama-server with the dense head, with checked tokens and with FlashHead's own, at the first
// P. A round starts a server with each head in turn, so that one model is in memory at a time. The first answer of a
// server warms it up.
func (m *measurement) answers(ctx context.Context, threads int) error {
	heads := [][]string{
		denseHead:     off,
		checkedHead:   append(on(m.probes[0]), "FLASHHEAD_EXACT=auto"),
		uncheckedHead: append(on(m.probes[0]), "FLASHHEAD_EXACT=off"),
	}
	greedy, drawn := make([][]float64, len(heads)), make([][]float64, len(heads))
	checks := false
	for round := range m.Rounds {
		for _, i := range inTurn(len(heads), round) {
			if i == checkedHead && round > 0 && !checks {
				continue // the runtime does not check tokens
			}
			m.show(fmt.Sprintf("answers with %s, round %d of %d", threadsInWords(threads), round+1, m.Rounds))
			speeds, checked, err := m.answer(ctx, threads, round, heads[i])
			if err != nil {
				return err
			}
			checks = checks || checked
			greedy[i], drawn[i] = append(greedy[i], speeds[0]), append(drawn[i], speeds[1])
			m.done++
		}
	}
	for _, of := range []struct {
		sampling string
		speeds   [][]float64
	}{{"greedy", greedy}, {"drawn", drawn}} {
		a := Answers{Threads: threads, Sampling: of.sampling,
			Unchecked: newPairs(of.speeds[denseHead], of.speeds[uncheckedHead])}
		if checks {
			pairs := newPairs(of.speeds[denseHead], of.speeds[checkedHead])
			a.Checked = &pairs
		}
		m.result.Answers = append(m.result.Answers, a)
	}
	return nil
}

// answer returns the speeds of a greedy and of a drawn answer, and whether the server checks tokens.
func (m *measurement) answer(ctx context.Context, threads, round int, settings []string) ([2]float64, bool, error) {
	var speeds [2]float64
	server, err := m.programs.Start(ctx, llama.ServerOptions{Model: m.gathered.Path, Context: m.Tokens + 2*promptTokens,
		Threads: threads, Settings: slices.Concat(settings, m.gathered.Settings)})
	if err != nil {
		return speeds, false, err
	}
	defer server.Stop()
	tokens, err := prompt(ctx, server, round)
	if err != nil {
		return speeds, false, err
	}
	if _, err := server.Answer(ctx, tokens, m.Tokens, 0); err != nil {
		return speeds, false, err
	}
	for i, seed := range []int{0, 1 + round} {
		answer, err := server.Answer(ctx, tokens, m.Tokens, seed)
		if err != nil {
			return speeds, false, err
		}
		speeds[i] = answer.Speed
	}
	return speeds, server.Checks(), nil
}

// prompt returns the beginning of another kind of text in each round.
func prompt(ctx context.Context, server *llama.Server, round int) ([]int, error) {
	texts := sampletext.Unseen()
	text := []rune(texts[round%len(texts)].Text)
	tokens, err := server.Tokens(ctx, string(text[:min(len(text), promptLetters)]))
	return tokens[:min(len(tokens), promptTokens)], err
}
