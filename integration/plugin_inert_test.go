package integration

import (
	"reflect"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// ownBuffer is in the log if the plug-in gets a weight.
const ownBuffer = "CPU_FlashHead model buffer"

// Without a converted model a stock runtime does the same with the plug-in as without.
func TestPluginInert(t *testing.T) {
	with := plugin(t)
	texts := prompts(t, 4)
	for _, c := range []struct {
		name, model, says string
		env               []string
	}{
		{"unconverted", trainedModel, "flash_head: inactive: the model's file has no flashhead keys", nil},
		{"turned off", converted(t), with.off, []string{"FLASHHEAD_ENABLED=0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := []string{"--model", c.model}
			want, _ := continuations(t, stock(t), args, texts)
			got, log := continuations(t, with, args, texts, c.env...)
			sameTokens(t, c.name, got, want)
			if strings.Contains(log, ownBuffer) || strings.Contains(log, "flash_head: active") {
				t.Errorf("the plug-in took the head:\n%s", end(log))
			}
			if n := strings.Count(log, c.says); n != 1 {
				t.Errorf("the log says %d times %q:\n%s", n, c.says, end(log))
			}
		})
	}
}

// An embedding does not depend on the head, so it is the same with the plug-in.
func TestPluginLeavesEmbeddings(t *testing.T) {
	headless := tiny{name: "embedder", arch: "llama-embed", headType: gguftest.TypeQ8_0}
	for name, model := range map[string]string{"no head": headless.write(t, t.TempDir()), "converted": converted(t)} {
		t.Run(name, func(t *testing.T) {
			embed := func(h host) ([][]float32, string) {
				l := startLlama(t, h, []string{"--model", model, "--embedding", "--pooling", "mean"})
				defer l.Stop()
				v, err := l.Embedding(timeout(t), prompt)
				if err != nil {
					t.Fatalf("%v\n%s", err, end(l.Log()))
				}
				return v, l.Log()
			}
			want, _ := embed(stock(t))
			got, log := embed(plugin(t))
			if len(want) != 1 || len(want[0]) < tinyWidth || want[0][0] == want[0][1] {
				t.Fatalf("no embedding: %v", want)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %v\nwant %v", got, want)
			}
			if name == "no head" && strings.Contains(log, ownBuffer) {
				t.Errorf("the plug-in took a weight:\n%s", end(log))
			}
		})
	}
}

// A runtime with built-in FlashHead ignores the plug-in.
func TestPluginRestsInPatched(t *testing.T) {
	own := patched(t)
	both := withPlugin(own, plugin(t).library())
	args, texts := []string{"--model", converted(t)}, prompts(t, 4)
	want, _ := continuations(t, own, args, texts)
	got, log := continuations(t, both, args, texts)
	sameTokens(t, "patched, with the plug-in", got, want)
	if n := strings.Count(log, "flash_head: active"); n != 1 {
		t.Errorf("%d heads are active", n)
	}
	if strings.Contains(log, "CPU_FlashHead") {
		t.Error("the plug-in has a buffer")
	}
	const rests = "flash_head: the plug-in rests: this runtime has FlashHead of its own"
	if !strings.Contains(log, rests) {
		t.Errorf("the log does not say %q:\n%s", rests, end(log))
	}
}
