package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestPlainLines(t *testing.T) {
	var out bytes.Buffer
	clock := time.Unix(0, 0)
	p := New(&out)
	p.now = func() time.Time { return clock }
	p.Start("clustering")
	for i := range 600 {
		clock = clock.Add(100 * time.Millisecond)
		p.Set(float64(i+1)/600, "objective 0.5000")
	}
	p.Done("clustered")
	p.Set(1, "after the end")

	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 13 {
		t.Fatalf("%d lines, want one every 5 s and the last:\n%s", len(lines), out.String())
	}
	if lines[2] != " 25 % clustering objective 0.5000, 45s left" {
		t.Errorf("third line %q", lines[2])
	}
	if lines[12] != "clustered (60.0 s)" {
		t.Errorf("last line %q", lines[12])
	}

	out.Reset() // odd fractions
	p.Start("x")
	for _, fraction := range []float64{-1, 0, 7} {
		clock = clock.Add(10 * time.Second)
		p.Set(fraction, "")
	}
	if got := out.String(); got != "  0 % x\n  0 % x\n100 % x, 0s left\n" {
		t.Errorf("%q", got)
	}
}

// A terminal shows a bar that is drawn a few times a second, and one line for each finished stage.
func TestBar(t *testing.T) {
	var out bytes.Buffer
	clock := time.Unix(0, 0)
	p := New(&out)
	p.terminal = true
	p.now = func() time.Time { return clock }
	p.Start("clustering")
	clock = clock.Add(1234 * time.Second)
	p.Set(0.5, "balance 3/8, objective 0.5321, imbalance 0.03")
	p.Set(0.6, "too early to be drawn")
	clock = clock.Add(time.Second)
	p.Set(1, "balance 8/8")
	p.Done("clustered")
	p.Start("writing")
	p.Close()
	text := out.String()
	for _, want := range []string{"clustering balance 3/8, objective 0.5321, imbalance 0.03, 20m34s left  50% |",
		" 99% |█", "writing"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	if strings.Contains(text, "too early") {
		t.Errorf("drawn too often: %q", text)
	}
	if strings.Count(text, "\n") != 1 || !strings.Contains(text, "clustered (1235.0 s)") {
		t.Errorf("want one finished line: %q", text)
	}
	for part := range strings.SplitSeq(text, "\r") {
		if len([]rune(part)) > 100 {
			t.Errorf("%d columns: %q", len([]rune(part)), part)
		}
	}
}
