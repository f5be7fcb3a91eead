package llama

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestEnvironment(t *testing.T) {
	got := environment([]string{"HOME=/h", "FLASHHEAD_PROBES=7", "FLASHHEAD_MODEL=x", "FLASHHEAD_REORDER=0",
		"FLASHHEAD_CENTROID_TYPE=f16",
		"LLAMA_ARG_CTX_SIZE=9", "LLAMA_API_KEY=k", "LD_LIBRARY_PATH=/x", "GGML_BACKEND_PATH=/p.so"},
		[]string{"FLASHHEAD_PROBES=64"})
	want := []string{"HOME=/h", "FLASHHEAD_REORDER=0", "FLASHHEAD_CENTROID_TYPE=f16", "GGML_BACKEND_PATH=/p.so",
		"FLASHHEAD_PROBES=64"}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestCheckHead(t *testing.T) {
	const active = "active on CPU: output.weight, 32000 tokens in 2000 clusters, 64 probed (top), 3 pinned"
	on, off := []string{"FLASHHEAD_ENABLED=1", "FLASHHEAD_PROBES=64"}, []string{"FLASHHEAD_ENABLED=0"}
	for _, c := range []struct {
		said, settings []string
		want           string
	}{
		{[]string{active}, on, ""},
		{[]string{"inactive: FLASHHEAD_ENABLED=0"}, off, ""},
		{nil, off, ""},
		{nil, on, "FlashHead is not active: the runtime does not know it"},
		{[]string{"a LoRA adapter changes the head; running dense"}, on,
			"FlashHead is not active: a LoRA adapter changes the head"},
		{[]string{active}, off, "although FLASHHEAD_ENABLED is 0"},
		{[]string{active}, []string{"FLASHHEAD_PROBES=6"}, "does not use 6 probes"},
		{[]string{"the file was read", active}, on, ""},
	} {
		err := checkHead(c.said, c.settings)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q with %q: %v, want %q", c.said, c.settings, err, c.want)
		}
	}
}

func TestLog(t *testing.T) {
	l := &log{}
	fmt.Fprintf(l, "0.00.1 I flash_head: first\n0.00.2 I flash_")
	fmt.Fprintf(l, "head: second\n0.01.0 E common: cannot load\nlast\n[1]12.5,")
	if got := l.Head(); !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("%q", got)
	}
	if got := l.lastWords(); got != "common: cannot load" {
		t.Errorf("last words %q", got)
	}
	for i := range 100_000 { // one line
		fmt.Fprintf(l, "[%d]12.5,", i)
	}
	if n := len(l.line); n > 2*tailBytes {
		t.Errorf("%d bytes of one line are kept", n)
	}
	fmt.Fprint(l, "\nFinal\n")
	if n := len(l.line) + len(l.tail); n > 4*tailBytes || !strings.HasSuffix(l.String(), "\nFinal\n") {
		t.Errorf("%d bytes are kept", n)
	}
}

func TestPrefix(t *testing.T) {
	for _, c := range []struct{ alone, special, want []int }{
		{[]int{5, 6}, []int{5, 6}, []int{}},
		{[]int{5, 6}, []int{1, 5, 6}, []int{1}},
		{[]int{5, 6}, []int{1, 5, 6, 2}, []int{1}},
		{[]int{5, 6}, []int{5, 6, 2}, []int{}},
		{[]int{5, 6}, []int{5}, nil},
		{nil, []int{1}, []int{}},
	} {
		if got := prefix(c.alone, c.special); !slices.Equal(got, c.want) {
			t.Errorf("%v in %v: %v", c.alone, c.special, got)
		}
	}
}
