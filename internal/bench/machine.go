package bench

import "time"

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
