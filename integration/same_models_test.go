package integration

import (
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// Several models loaded at the same time, some with vision, with an 8-bit KV cache.
func TestSeveralModelsSameAsDense(t *testing.T) {
	testlevel.Long(t)
	other := filepath.Join(t.TempDir(), "other.gguf") // the same model with another map
	convertFile(t, patched(t), trainedModel, other, "--seed", "2")
	start := func(t *testing.T, h host, env ...string) *harness.Ollama {
		o := serve(t, h, append(env, "OLLAMA_MAX_LOADED_MODELS=4", "OLLAMA_FLASH_ATTENTION=1",
			"OLLAMA_KV_CACHE_TYPE=q8_0")...)
		register(t, o, "dense", trainedModel)
		register(t, o, "fast", converted(t))
		register(t, o, "other", other)
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
	await(t, "the model is unloaded", func() bool { return !running(t, o)["other"] })
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
	embed := func(h host, model string, env ...string) ([][]float32, string) {
		l := startLlama(t, h, []string{"--model", model, "--embedding", "--pooling", "mean"}, env...)
		v, err := l.Embedding(timeout(t), prompt)
		if err != nil {
			t.Fatal(err)
		}
		return v, l.Log()
	}
	want, _ := embed(stock(t), trainedModel)
	got, log := embed(h, converted(t), "FLASHHEAD_PROBES=1")
	if len(want) != 1 || len(want[0]) != 256 || !reflect.DeepEqual(got, want) || activeLine(log) == "" {
		t.Errorf("got %v\nwant %v\n%s", got, want, end(log))
	}
}
