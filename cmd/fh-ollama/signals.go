package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// interruption holds the signal that asked the program to end.
type interruption struct{ signal atomic.Value }

// onSignals returns a context that ends at the first signal to end the program. The second signal ends the program at
// once. Signals that were ignored at the start, like SIGHUP by nohup, stay ignored. Call stop when done.
func onSignals() (ctx context.Context, by *interruption, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	by = &interruption{}
	var wanted []os.Signal
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			wanted = append(wanted, s)
		}
	}
	if wanted == nil { // Notify takes an empty list for all signals
		return ctx, by, cancel
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, wanted...)
	go func() {
		select {
		case s := <-signals:
			signal.Reset(wanted...)
			by.signal.Store(s)
			cancel()
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	return ctx, by, cancel
}

// code returns the shell's exit code for a program ended by the signal, 130 for Ctrl-C; false without a signal.
func (i *interruption) code() (int, bool) {
	s, ok := i.signal.Load().(syscall.Signal)
	return 128 + int(s), ok
}

// afterInterrupt returns the hint after an interruption that ended a command with err: the command's own, if any.
func afterInterrupt(err error) string {
	if way := hint.Of(err); way != "" && errors.Is(err, context.Canceled) {
		return way
	}
	return "run the same command again; nothing was left half done"
}
