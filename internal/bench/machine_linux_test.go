package bench

import (
	"testing"
	"time"
)

// A busy loop counts as another program's, unless its time is passed as our own.
func TestWatch(t *testing.T) {
	used := watch()
	for begun := time.Now(); time.Since(begun) < 300*time.Millisecond; {
	}
	busy, ok := used(0)
	if !ok || busy <= 0 {
		t.Errorf("%g processors, %v", busy, ok)
	}
	if rest, _ := used(time.Hour); rest != 0 {
		t.Errorf("%g processors, of less than what is known", rest)
	}
	if free, ok := freeMemory(); !ok || free < 1<<20 {
		t.Errorf("%d bytes free, %v", free, ok)
	}
}
