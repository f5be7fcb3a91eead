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
