// Package hint is errors for users: one line with the cause and one with a hint on what to do.
package hint

import (
	"errors"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
)

// Error has a cause and a hint on what the user can do.
type Error struct {
	cause error
	hint  string
}

// New returns an error with the message cause and a hint. Both are one line, lower case, without a full stop.
func New(cause, hint string) error { return &Error{errors.New(cause), hint} }

// Wrap adds a hint to err; errors.Is and errors.As still see err.
func Wrap(err error, hint string) error { return &Error{err, hint} }

// Error returns only the cause.
func (e *Error) Error() string { return e.cause.Error() }

// Unwrap returns the wrapped cause.
func (e *Error) Unwrap() error { return e.cause }

// Of returns the hint of the outermost Error in err's chain, or "".
func Of(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.hint
	}
	return ""
}

// Text returns the output of a program that err ends: a line with its name and the cause, and a line with the hint, if
// any. Commands in the hint run as printed.
func Text(program string, err error) string {
	text := program + ": " + err.Error() + "\n"
	if way := Of(err); way != "" {
		text += "  " + commandline.Runnable(way) + "\n"
	}
	return text
}
