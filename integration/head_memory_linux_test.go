package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/synthetic"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// A head that is most of its model, with its parts in MiB.
const (
	wideVocab, wideWidth, wideSize = 65536, 512, 16

	mib           = 1 << 20
	wideClusters  = wideVocab / wideSize
	wideHead      = wideVocab * wideWidth * 2.0 / mib             // F16
	wideCentroids = wideClusters * wideWidth / 32.0 * 18 / mib    // Q4_0
	wideMap       = (3*wideVocab + wideClusters + 64) * 4.0 / mib // cluster and position of a token, token of a position
	wideSlack     = 24                                            // libraries, threads' work, embeddings that were read

	_ = uint(wideHead - 2*wideSlack) // the head is seen beside the slack
)

// onWideHeads runs test with converted models that have a wide head, tied and untied.
func onWideHeads(t *testing.T, test func(t *testing.T, model string)) {
	types, err := synthetic.Types([]string{"f16"})
	if err != nil {
		t.Fatal(err)
	}
	for _, tied := range testlevel.Some(true, false) {
		t.Run(fmt.Sprintf("tied %v", tied), func(t *testing.T) {
			shape := synthetic.Shape{Name: "wide", Architecture: "llama", Width: wideWidth, Layers: 2, FeedForward: 128,
				Heads: 4, KeyHeads: 2, HeadWidth: 16, Vocabulary: wideVocab, Tied: tied}
			file, err := synthetic.Model{Shape: shape, Type: types[0], ClusterSize: wideSize}.File()
			if err != nil {
				t.Fatal(err)
			}
			model := filepath.Join(t.TempDir(), "wide.gguf")
			out, err := os.Create(model)
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			if err := file.Write(out, func(int64) error { return nil }); err != nil {
				t.Fatal(err)
			}
			test(t, model)
		})
	}
}

// resident returns how many MiB a server has in memory after a few tokens, and these tokens. FlashHead must be active,
// or must not.
func resident(t *testing.T, h host, model, loadMode string, active bool, env ...string) (float64, []int) {
	t.Helper()
	l := startLlama(t, h, []string{"--model", model, "--load-mode", loadMode}, env...)
	defer l.Stop()
	tokens, err := l.Greedy(timeout(t), []int{0, 500, 1000}, 8)
	if err != nil {
		t.Fatal(err)
	}
	if active != (activeLine(l.Log()) != "") {
		t.Fatalf("with %v:\n%s", env, end(l.Log()))
	}
	status, err := harness.Status(l.PID())
	if err != nil {
		t.Fatal(err)
	}
	n, err := harness.MiB(status["VmRSS"])
	if err != nil {
		t.Fatal(err)
	}
	return n, tokens
}

// addsOnly checks that centroids and so many maps are all that FlashHead adds to the memory of a dense server.
func addsOnly(t *testing.T, what string, dense, with float64, maps int) {
	t.Helper()
	t.Logf("resident: %.1f MiB dense, %.1f MiB %s", dense, with, what)
	if dense < wideHead {
		t.Errorf("%.1f MiB when dense: less than the head, so the comparison says nothing", dense)
	}
	own := wideCentroids + float64(maps)*wideMap
	if more := with - dense; more > own+wideSlack {
		t.Errorf("%.1f MiB more %s; centroids and map are %.1f", more, what, own)
	}
}

// The plug-in keeps one copy of the rows: it adds only centroids and the map to a process's memory.
func TestPluginMemory(t *testing.T) {
	onWideHeads(t, func(t *testing.T, model string) {
		without, _ := resident(t, stock(t), model, "mmap", false)
		with, _ := resident(t, plugin(t), model, "mmap", true)
		addsOnly(t, "with the plug-in", without, with, 1)
	})
}

// The patched build keeps a copy of the rows in cluster order, and releases the pages of the mapped file that it
// replaces, so memory does not grow by a second head. Without a mapped file the original stays, for embeddings.
func TestPatchedMemory(t *testing.T) {
	testlevel.Long(t)
	onWideHeads(t, func(t *testing.T, model string) {
		h := patched(t)
		without, _ := resident(t, h, model, "mmap", false, "FLASHHEAD_ENABLED=0")
		with, tokens := resident(t, h, model, "mmap", true)
		gathered, same := resident(t, h, model, "mmap", true, "FLASHHEAD_REORDER=0")
		addsOnly(t, "with the copy", without, with, 2) // the map is read and laid out for the op
		addsOnly(t, "without the copy", without, gathered, 2)
		if !slices.Equal(tokens, same) {
			t.Errorf("the copy changes the tokens: %v, without it %v", tokens, same)
		}
		if read, same := resident(t, h, model, "none", true); !slices.Equal(tokens, same) {
			t.Errorf("without a mapped file the tokens are %v, not %v; %.1f MiB resident", same, tokens, read)
		}
	})
}
