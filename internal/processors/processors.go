// Package processors tells how many threads pay: what a process may use can be less than what the machine has.
package processors

import "runtime"

// Usable is the number of processors that this process may use: those of its affinity, and no more than the quota of
// its cgroups allows. A part of a processor does not count: threads that wait for each other stop together when a quota
// is used up. It is 1 at least.
func Usable() int { return usable(runtime.NumCPU(), quota("/")) }

// usable is Usable for n processors and a quota in processors; 0 for none.
func usable(n int, quota float64) int {
	if quota > 0 && quota < float64(n) {
		n = int(quota)
	}
	return max(n, 1)
}
