package integration

import (
	"strings"
	"syscall"
	"testing"
)

// A llama-server that dies is restarted for the next request, with FlashHead, and gives the same answers.
func TestDeadRunnerIsRestarted(t *testing.T) {
	onHosts(t, func(t *testing.T, h host) {
		o := serve(t, h)
		register(t, o, "fast", converted(t))
		before := generate(t, o, "fast", prompt, 32).Response
		runners, err := o.Runners()
		if err != nil || len(runners) != 1 {
			t.Fatalf("runners %v, %v", runners, err)
		}
		if err := syscall.Kill(runners[0].PID, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if after := generate(t, o, "fast", prompt, 32).Response; after != before {
			t.Errorf("after its death %q, before %q", after, before)
		}
		if loads := strings.Count(o.Log(), "flash_head: active"); loads != 2 {
			t.Errorf("FlashHead was active in %d loads", loads)
		}
	})
}
