package main

import (
	"context"
	"errors"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// afterInterrupt is the way on after an interruption that a command ended with err: the command's own if it knows one.
func afterInterrupt(err error) string {
	if way := hint.Of(err); way != "" && errors.Is(err, context.Canceled) {
		return way
	}
	return "run the same command again; nothing was left half done"
}
