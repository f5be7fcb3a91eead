package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// The patched build keeps a copy of the rows in cluster order, and releases the pages of the mapped file that it
// replaces, so memory does not grow by a second head. Without a mapped file the original stays, for embeddings.
func TestPatchedMemory(t *testing.T) {
	testlevel.Long(t)
	const vocab, width, size = 65536, 512, 16
	const clusters = vocab / size
	const (
		mib       = 1 << 20
		head      = vocab * width * 2          // of F16
		centroids = clusters * width / 32 * 18 // in Q4_0
		// cluster and position of a token, token of a position, in the op and while it loads
		maps  = (6*vocab + clusters + 64) * 4
		slack = 24 * mib // the threads' work, embeddings that were read, what allocators keep
	)
	if head < 2*slack {
		t.Fatal("the head is too small to be seen beside the slack")
	}
	for _, untied := range []bool{false, true} {
		t.Run(fmt.Sprintf("untied %v", untied), func(t *testing.T) {
			m := tiny{name: "wide", arch: "llama", headType: gguftest.TypeF16, untied: untied, vocab: vocab, width: width}
			fast := filepath.Join(t.TempDir(), "converted.gguf")
			file := m.write(t, t.TempDir())
			withAnyMap(t, file, fast, size)
			os.Remove(file)

			run := func(mode string, env ...string) (int64, []int) {
				l := startLlama(t, patched(t), []string{"--model", fast, "--load-mode", mode}, env...)
				defer l.Stop()
				tokens, err := l.Greedy(timeout(t), []int{0, 500, 1000}, 8)
				if err != nil {
					t.Fatal(err)
				}
				if dense := slices.Contains(env, "FLASHHEAD_ENABLED=0"); dense == (activeLine(l.Log()) != "") {
					t.Fatalf("with %v:\n%s", env, end(l.Log()))
				}
				return residentBytes(t, l.PID()), tokens
			}
			without, _ := run("mmap", "FLASHHEAD_ENABLED=0")
			with, tokens := run("mmap")
			gathered, same := run("mmap", "FLASHHEAD_REORDER=0")
			t.Logf("resident: %.1f MiB dense, %.1f MiB with the copy, %.1f MiB without", float64(without)/mib, float64(with)/mib,
				float64(gathered)/mib)
			if without < head {
				t.Errorf("%d bytes when dense: less than the head, so the comparison says nothing", without)
			}
			if more := with - without; more > centroids+maps+slack {
				t.Errorf("%d bytes more with the copy; centroids and map are %d", more, centroids+maps)
			}
			if more := gathered - without; more > centroids+maps+slack {
				t.Errorf("%d bytes more without the copy; centroids and map are %d", more, centroids+maps)
			}
			if !slices.Equal(tokens, same) {
				t.Errorf("the copy changes the tokens: %v, without it %v", tokens, same)
			}
			if read, same := run("none"); !slices.Equal(tokens, same) {
				t.Errorf("without a mapped file the tokens are %v, not %v; %d bytes resident", same, tokens, read)
			}
		})
	}
}
