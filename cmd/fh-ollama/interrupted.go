package main

import (
	"context"
	"errors"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// afterInterrupt returns the hint after an interruption that ended a command with err: the command's own, if any.
func afterInterrupt(err error) string {
	if way := hint.Of(err); way != "" && errors.Is(err, context.Canceled) {
		return way
	}
	return "run the same command again; nothing was left half done"
}
