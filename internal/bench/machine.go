package bench

import (
	"context"
	"fmt"
	"time"
)

// busy is how many processors other programs may use before a measurement is in doubt: more than a desktop at rest
// uses.
const busy = 0.25

// watch returns a function that tells how many processors other programs used on average since then, given the
// processor time of our own; false if the system does not tell.
func watch() func(own time.Duration) (float64, bool) {
	begun := time.Now()
	before, known := processorTime()
	return func(own time.Duration) (float64, bool) {
		after, ok := processorTime()
		used := (after - before - own).Seconds() / time.Since(begun).Seconds()
		return max(0, used), known && ok
	}
}

// atRest waits a moment and says what may spoil a measurement, "" for nothing.
func atRest(ctx context.Context, processors int) (string, error) {
	used := watch()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(time.Second):
	}
	if others, ok := used(0); ok && others > busy {
		return fmt.Sprintf("the machine is busy: other programs use %.1f of its %d processors, so speeds will be too low "+
			"and differ; close them, or try later",
			others, processors), nil
	}
	return "", nil
}
