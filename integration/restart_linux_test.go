package integration

import (
	"strings"
	"syscall"
	"testing"
)

// A llama-server that dies is restarted for the next request, as in the stock build, and gives the same answers.
func TestDeadRunnerIsRestarted(t *testing.T) {
	for name, h := range map[string]host{"stock": stock(t), "patched": patched(t), "plugin": plugin(t)} {
		t.Run(name, func(t *testing.T) {
			o := serve(t, h)
			register(t, o, "fast", converted(t), oneThread)
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
			if again, err := o.Runners(); err != nil || len(again) != 1 || again[0].PID == runners[0].PID {
				t.Errorf("runners %v, %v", again, err)
			}
			if loads := strings.Count(o.Log(), "flash_head: active"); name != "stock" && loads != 2 {
				t.Errorf("FlashHead was active in %d loads", loads)
			}
		})
	}
}
