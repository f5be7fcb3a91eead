package bench

import (
	"context"
	"fmt"
	"time"
)

// busy is how many processors other programs may use before a measurement is in doubt. An idle desktop uses less.
const busy = 0.25

// watch returns a function that says how many processors other programs have used on average since this call. It takes
// the processor time that our own programs used, and returns false if the system does not count.
func watch() func(own time.Duration) (float64, bool) {
	begun := time.Now()
	before, known := processorTime()
	return func(own time.Duration) (float64, bool) {
		after, ok := processorTime()
		used := (after - before - own).Seconds() / time.Since(begun).Seconds()
		return max(0, used), known && ok
	}
}

// atRest watches the machine for a second. It returns a doubt if other programs are busy, else "".
func atRest(ctx context.Context, processors int) (string, error) {
	used := watch()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(time.Second):
	}
	if others, ok := used(0); ok && others > busy {
		return fmt.Sprintf("the machine is busy: other programs use %.1f of its %d processors, so speeds will be low and "+
			"noisy; close them, or try later", others, processors), nil
	}
	return "", nil
}
