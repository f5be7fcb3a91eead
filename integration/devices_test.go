package integration

import (
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// These tests need no GPU. libtest-fake-backend.so (ggmlhead/tests/fake-backend.cpp) is a fake one: ggml sees a GPU
// with its own memory, and the CPU computes.
const fakeBackend = "libtest-fake-backend.so"

const (
	hasOp         = "FAKE_BACKEND_FLASH_HEAD=1"  // the device has FlashHead's op
	hasCodes      = "FAKE_BACKEND_CODES=1"       // and that with codes
	saysYes       = "FAKE_BACKEND_SAYS_YES=1"    // it says so of every op
	hasHostBuffer = "FAKE_BACKEND_HOST_BUFFER=1" // it has pinned host memory
)

// withDevice returns h with the fake GPU in its programs.
func withDevice(h host, env ...string) host {
	h.env = append(h.environment(env), "GGML_BACKEND_PATH="+h.Lib(fakeBackend))
	return h
}

// traffic counts the heads computed on the device, and the copies to and from it.
type traffic struct{ heads, sets, setBytes, gets, getBytes, most int }

var trafficLine = regexp.MustCompile(`fake_backend: flash_head (\d+), set (\d+) times (\d+) bytes, ` +
	`get (\d+) times (\d+) bytes, (\d+) at most`)

// trafficOf reads a log, which has a line of totals after each graph.
func trafficOf(log string) (all []traffic) {
	for _, found := range trafficLine.FindAllStringSubmatch(log, -1) {
		var l traffic
		for i, n := range []*int{&l.heads, &l.sets, &l.setBytes, &l.gets, &l.getBytes, &l.most} {
			*n, _ = strconv.Atoi(found[i+1])
		}
		all = append(all, l)
	}
	return all
}

// perToken returns the traffic per token of the model's last answer in a log. All of its last tokens have the same.
func perToken(t *testing.T, log string) traffic {
	t.Helper()
	all := trafficOf(log)
	const last = 8
	if len(all) < 2*last {
		t.Fatalf("the device computed %d graphs:\n%s", len(all), end(log))
	}
	all = all[len(all)-last-1:]
	step := func(i int) traffic {
		a, b := all[i], all[i+1]
		return traffic{b.heads - a.heads, b.sets - a.sets, b.setBytes - a.setBytes, b.gets - a.gets, b.getBytes - a.getBytes,
			0}
	}
	for i := range last {
		if step(i) != step(0) {
			t.Fatalf("tokens differ: %+v, %+v", step(0), step(i))
		}
	}
	return step(0)
}

// writes runs a model and returns its continuations, greedy and by seeded draws, and the log.
func writes(t *testing.T, h host, model string, args []string, env ...string) (all [][]int, log string) {
	t.Helper()
	l := startLlama(t, h, append([]string{"--model", model}, args...), env...)
	for _, text := range prompts(t, 3) {
		tokens, err := l.Greedy(timeout(t), text, 48)
		if err != nil {
			t.Fatalf("%v\n%s", err, end(l.Log()))
		}
		all = append(all, tokens, draw(t, l, text, 7).Tokens)
	}
	l.Stop()
	return all, l.Log()
}

// headLines returns FlashHead's lines of a log.
func headLines(log string) (lines []string) {
	for line := range strings.Lines(log) {
		if _, said, found := strings.Cut(line, "flash_head: "); found && !strings.Contains(said, "candidates") {
			lines = append(lines, strings.TrimSpace(said))
		}
	}
	return lines
}

// saysOnce checks that a log has exactly one line by FlashHead, with these words.
func saysOnce(t *testing.T, log string, words ...string) {
	t.Helper()
	lines := headLines(log)
	if len(lines) != 1 {
		t.Errorf("FlashHead has %d lines in the log: %q", len(lines), lines)
		return
	}
	for _, w := range words {
		if !strings.Contains(lines[0], w) {
			t.Errorf("the log says %q, not %q", lines[0], w)
		}
	}
}

// coded returns the converted model with codes.
func coded(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "coded.gguf")
	addCodes(t, converted(t), path)
	return path
}

var wholeModel = []string{"-ngl", "99"}

// On a device that cannot compute the head the model runs as without FlashHead: no data of the head is copied for a
// token.
func TestDeviceRunsDense(t *testing.T) {
	const no = "FAKE0 (FAKE) has no FlashHead for q8_0 weights and q4_0 centroids"
	for name, c := range map[string]struct {
		device []string
		model  string
		args   []string
		says   string
	}{
		"no op":                  {nil, converted(t), nil, no + "; running dense"},
		"says yes to everything": {[]string{saysYes}, converted(t), nil, no + "; running dense"},
		"the op, no codes":       {[]string{hasOp}, coded(t), nil, no + " with codes; running dense"},
		"the op, split to devices": {[]string{hasOp}, converted(t), []string{"--split-mode", "tensor"},
			"the head is split over devices (Meta()); running dense"},
	} {
		t.Run(name, func(t *testing.T) {
			h, args := withDevice(patched(t), c.device...), append(c.args, wholeModel...)
			want, dense := writes(t, h, c.model, args, "FLASHHEAD_ENABLED=0")
			got, log := writes(t, h, c.model, args)
			saysOnce(t, log, c.says)
			sameTokens(t, name, got, want)
			if c.args != nil {
				return // several devices have several lines
			}
			if got, want := perToken(t, log), perToken(t, dense); got != want || got.heads != 0 {
				t.Errorf("of each token: %+v, dense %+v", got, want)
			}
		})
	}
}

// A head on a device is read in pieces at load, because a full copy may not fit into host memory.
func TestDeviceIsReadInPieces(t *testing.T) {
	testlevel.Long(t)
	const head, piece = 32000 * 256 / 32 * 34, 4 << 20
	_, log := writes(t, withDevice(patched(t), hasOp), converted(t), wholeModel)
	all := trafficOf(log)
	if len(all) == 0 || activeLine(log) == "" {
		t.Fatalf("the device computed nothing:\n%s", end(log))
	}
	if first := all[0]; first.getBytes < head || first.most > piece {
		t.Errorf("of %d bytes %d were fetched, %d at once", head, first.getBytes, first.most)
	}
}

// A device with the op computes the head. A token needs no more copies than without FlashHead, and the tokens are the
// CPU's.
func TestDeviceWithTheOp(t *testing.T) {
	h := withDevice(patched(t), hasOp, hasCodes)
	for name, model := range map[string]string{"clusters": converted(t), "codes": coded(t)} {
		t.Run(name, func(t *testing.T) {
			const env = "FLASHHEAD_PROBES=20" // few enough to choose otherwise than dense
			want, _ := writes(t, patched(t), model, nil, env)
			_, dense := writes(t, h, model, wholeModel, "FLASHHEAD_ENABLED=0")
			got, log := writes(t, h, model, wholeModel, env)
			saysOnce(t, log, "active on FAKE0", "20 probed", "dense above 8 rows")
			sameTokens(t, "the device", got, want)
			expected := perToken(t, dense)
			expected.heads = 1
			if got := perToken(t, log); got != expected {
				t.Errorf("of each token: %+v, expected %+v", got, expected)
			}
		})
	}
}

// The CPU computes a head in host memory, whatever the device supports, and whichever host buffer that is. It must not
// be one of the CPU's repacking buffers, which -ot may choose.
func TestHeadBesideADevice(t *testing.T) {
	testlevel.Long(t)
	small := filepath.Join(t.TempDir(), "q4_0.gguf")
	quantize(t, patched(t), converted(t), small, "Q4_0")
	none, headHere := []string{"-ngl", "0"}, []string{"-ngl", "99", "-ot", "token_embd.weight=CPU"}
	for name, c := range map[string]struct {
		device []string
		model  string
		args   []string
	}{
		"layers on the device":          {[]string{hasOp}, converted(t), headHere},
		"nothing on the device":         {[]string{hasOp}, converted(t), none},
		"head in pinned memory":         {[]string{hasOp, hasHostBuffer}, converted(t), headHere},
		"all in pinned memory":          {[]string{hasOp, hasHostBuffer}, converted(t), none},
		"no op, head in pinned memory":  {[]string{hasHostBuffer}, converted(t), none},
		"layers there, their cache not": {[]string{hasOp}, converted(t), append([]string{"--no-kv-offload"}, headHere...)},
		"a type that is repacked":       {[]string{hasOp}, small, headHere},
	} {
		t.Run(name, func(t *testing.T) {
			want, _ := writes(t, patched(t), c.model, nil)
			got, log := writes(t, withDevice(patched(t), c.device...), c.model, c.args)
			saysOnce(t, log, "active on CPU", "cluster-ordered copy", "dense above 64 rows")
			sameTokens(t, name, got, want)
			if all := trafficOf(log); len(all) > 0 && all[len(all)-1].heads > 0 {
				t.Errorf("the device computed heads: %+v", all[len(all)-1])
			}
		})
	}
}

// Devices may compute large batches with copies of the CPU's weights. FlashHead's op stays on the CPU, because it is
// little work.
func TestLargeBatchesStayBesideTheirHead(t *testing.T) {
	h := withDevice(patched(t), hasOp)
	text := filepath.Join(t.TempDir(), "text")
	sample(t, text)
	// the device supports the op without an ordered copy and groups
	log := perplexity(t, h, []string{"FLASHHEAD_MAX_ROWS=0", "FLASHHEAD_CENTROID_TYPE=f16", "FLASHHEAD_REORDER=0"},
		"-m", converted(t), "-f", text, "--chunks", "2", "-ngl", "0", "--log-verbosity", "4")
	saysOnce(t, log, "active on CPU", "f16 centroids")
	all := trafficOf(log)
	if len(all) == 0 {
		t.Fatalf("the device took no batch off the CPU:\n%s", end(log))
	}
	if last := all[len(all)-1]; last.heads > 0 {
		t.Errorf("the device computed heads: %+v", last)
	}
}
