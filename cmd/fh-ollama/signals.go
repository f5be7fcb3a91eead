package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// endedBy is the cause of a context that a signal ended.
type endedBy struct{ syscall.Signal }

func (e endedBy) Error() string { return e.String() }

// onSignals returns a context that ends at the first signal to end the program. The second signal ends the program at
// once. Signals that were ignored at the start, like SIGHUP by nohup, stay ignored. Call stop when done.
func onSignals() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	stop = func() { cancel(nil) }
	var wanted []os.Signal
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			wanted = append(wanted, s)
		}
	}
	if wanted == nil { // Notify takes an empty list for all signals
		return ctx, stop
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, wanted...)
	go func() {
		select {
		case s := <-signals:
			signal.Reset(wanted...)
			cancel(endedBy{s.(syscall.Signal)})
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	return ctx, stop
}

// afterInterrupt returns the hint after an interruption that ended a command with err: the command's own, if any.
func afterInterrupt(err error) string {
	if way := hint.Of(err); way != "" && errors.Is(err, context.Canceled) {
		return way
	}
	return "run the same command again; nothing was left half done"
}
