package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// Several models loaded at the same time, some with vision, with an 8-bit KV cache.
func TestSeveralModelsSameAsDense(t *testing.T) {
	testlevel.Long(t)
	h := patched(t)
	dir := t.TempDir()
	other := filepath.Join(dir, "other.gguf") // the same model with another map
	convertFile(t, h, trainedModel, other, "--seed", "2")
	start := func(t *testing.T, env ...string) *harness.Ollama {
		o := serve(t, h, append(env, "OLLAMA_MAX_LOADED_MODELS=4", "OLLAMA_FLASH_ATTENTION=1", "OLLAMA_KV_CACHE_TYPE=q8_0")...)
		register(t, o, "dense", trainedModel, oneThread)
		register(t, o, "fast", converted(t), oneThread)
		register(t, o, "other", other, oneThread)
		registerVision(t, o, "seeing", converted(t))
		return o
	}
	sameAsDense(t, start, []behaviour[*harness.Ollama]{
		{"quantised cache", quantisedCache, mostly},
		{"images", images, mostly},
		{"at once", atOnce, mostly},
	})
}

func quantisedCache(t *testing.T, o *harness.Ollama) []string {
	list := answers(t, o, "fast", prompts(t, 6))
	if !strings.Contains(o.Log(), "K (q8_0)") {
		t.Error("the log does not say that keys are in 8 bits")
	}
	return list
}

// Models used concurrently answer as each does alone. Unloading one leaves the others loaded, and it answers as before
// when it is loaded again.
func atOnce(t *testing.T, o *harness.Ollama) (all []string) {
	models, texts := []string{"dense", "fast", "other"}, prompts(t, 3)
	alone, together := make([][]string, len(models)), make([][]string, len(models))
	for i, model := range models {
		answers(t, o, model, texts) // so that a prompt's state in the cache is the same each time
		alone[i] = answers(t, o, model, texts)
		all = append(all, alone[i]...)
	}
	var wait sync.WaitGroup
	for i, model := range models {
		wait.Go(func() { together[i] = answers(t, o, model, texts) })
	}
	wait.Wait()
	for i, model := range models {
		same(t, model+", at once with the others", together[i], alone[i])
	}
	if got := running(t, o); len(got) < len(models) {
		t.Errorf("only %v are loaded", got)
	}

	loads := strings.Count(o.Log(), "starting llama-server")
	generate(t, o, "other", prompt, 1, func(r *api.GenerateRequest) { r.KeepAlive = &api.Duration{Duration: 0} })
	for deadline := time.Now().Add(2 * time.Minute); running(t, o)["other"]; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the model is not unloaded")
		}
	}
	for i, model := range models {
		answers(t, o, model, texts)
		same(t, model+", after one of them was unloaded", answers(t, o, model, texts), alone[i])
	}
	if again := strings.Count(o.Log(), "starting llama-server") - loads; again != 1 {
		t.Errorf("after one model was unloaded, %d were loaded", again)
	}
	return all
}

// running returns the loaded models.
func running(t *testing.T, o *harness.Ollama) map[string]bool {
	t.Helper()
	list, err := o.Client.ListRunning(timeout(t))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, m := range list.Models {
		names[strings.TrimSuffix(m.Name, ":latest")] = true
	}
	return names
}

// Embeddings do not use the head: those of a converted model equal the stock build's of the original exactly.
func TestEmbeddings(t *testing.T) { onBothHosts(t, embeddings) }

func embeddings(t *testing.T, h host) {
	texts := []string{"We, the people", "of the United States", "in order to form a more perfect union"}
	dir := t.TempDir()

	// Ollama embeds with models that have a pooling type. `convert` refuses these, but the key can be added later.
	model := tiny{name: "embedding", arch: "llama", headType: gguftest.TypeQ8_0}.write(t, dir)
	fast := filepath.Join(dir, "converted.gguf")
	convertFile(t, h, model, fast)
	ollama := func(h host, file string, env ...string) string {
		embedding := filepath.Join(t.TempDir(), "embedding.gguf")
		pooled(t, file, embedding)
		o := serve(t, h, env...)
		register(t, o, "embedding", embedding, oneThread)
		answer, err := o.Client.Embed(timeout(t), &api.EmbedRequest{Model: "embedding", Input: texts})
		if err != nil {
			t.Fatal(err)
		}
		if env != nil && activeLine(o.Log()) == "" {
			t.Errorf("FlashHead is not active:\n%s", end(o.Log()))
		}
		return fmt.Sprint(answer.Embeddings)
	}
	sameEmbeddings(t, ollama(h, fast, "FLASHHEAD_PROBES=1"), ollama(stock(t), model))

	server := func(h host, file string, env ...string) string {
		l := startLlama(t, h, []string{"--model", file, "--threads", "1", "--embedding", "--pooling", "mean"}, env...)
		var all [][][]float32
		for _, text := range texts {
			e, err := l.Embedding(timeout(t), text)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		return fmt.Sprint(all)
	}
	sameEmbeddings(t, server(h, converted(t), "FLASHHEAD_PROBES=1"), server(stock(t), trainedModel))
}

// pooled writes a model to path with the key that makes it an embedding model, by mean pooling.
func pooled(t *testing.T, model, path string) {
	t.Helper()
	f, err := gguf.Open(model)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	const mean = 1
	none := func(string) bool { return false }
	if err := f.Rewrite(out, none, []gguf.NewValue{gguf.U32("llama.pooling_type", mean)},
		func(int64, int64) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

func sameEmbeddings(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("embeddings\n%.300s\nof the stock build\n%.300s", got, want)
	}
}
