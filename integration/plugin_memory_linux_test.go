package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// The plug-in keeps one copy of the rows: it adds only centroids and the map to a process's memory.
func TestPluginMemory(t *testing.T) {
	const vocab, width, size = 65536, 512, 16
	const clusters = vocab / size
	const (
		mib       = 1 << 20
		head      = vocab * width * 2             // of F16
		centroids = clusters * width / 32 * 18    // in Q4_0
		maps      = (3*vocab + clusters + 64) * 4 // cluster and position of a token, token of a position
		slack     = 24 * mib                      // the libraries, the threads' work, what allocators keep
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

			resident := func(h host) (int64, string) {
				l := startLlama(t, h, []string{"--model", fast, "--load-mode", "mmap"})
				defer l.Stop()
				if _, err := l.Greedy(timeout(t), []int{0, 500, 1000}, 8); err != nil {
					t.Fatal(err)
				}
				return residentBytes(t, l.PID()), l.Log()
			}
			without, _ := resident(stock(t))
			with, log := resident(plugin(t))
			if activeLine(log) == "" {
				t.Fatalf("not active:\n%s", end(log))
			}
			t.Logf("resident: %.1f MiB without, %.1f MiB with the plug-in", float64(without)/mib, float64(with)/mib)
			if without < head {
				t.Errorf("%d bytes without the plug-in: less than the head, so the comparison says nothing", without)
			}
			if more := with - without; more > centroids+maps+slack {
				t.Errorf("%d bytes more; centroids and map are %d", more, centroids+maps)
			}
		})
	}
}

// residentBytes returns the resident memory of a process.
func residentBytes(t *testing.T, pid int) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("no VmRSS of process %d", pid)
	return 0
}
