package main

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// interruption tells which signal asked the program to end.
type interruption struct{ signal atomic.Value }

// onSignals returns a context that the first signal ends which asks the program to end. A second one ends the program
// at once, wherever it is. What was ignored when the program started, as nohup does with SIGHUP, stays ignored. stop is
// to be called at the end.
func onSignals() (ctx context.Context, by *interruption, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	by = &interruption{}
	var wanted []os.Signal
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			wanted = append(wanted, s)
		}
	}
	if wanted == nil { // to Notify, none are all
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

// code returns the exit code that shells know for a program that a signal ended: 130 for Ctrl-C; false if none did.
func (i *interruption) code() (int, bool) {
	s, ok := i.signal.Load().(syscall.Signal)
	return 128 + int(s), ok
}
