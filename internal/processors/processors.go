// Package processors returns the number of useful threads: a process may have fewer processors than the machine.
package processors

import "runtime"

// Usable returns the number of processors that this process may use, from its affinity and the CPU quota of its
// cgroups. A fraction does not count, because threads that wait for each other all stop when a quota is used up. It is
// at least 1.
func Usable() int { return usable(runtime.NumCPU(), quota("/")) }

// usable is Usable for n processors and a quota in processors; 0 for none.
func usable(n int, quota float64) int {
	if quota > 0 && quota < float64(n) {
		n = int(quota)
	}
	return max(n, 1)
}
