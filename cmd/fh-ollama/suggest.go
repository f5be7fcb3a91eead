package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// ollamas are commands of Ollama that users may try here.
var ollamas = []string{"run", "serve", "start", "pull", "push", "show", "ls", "ps", "rm", "cp", "stop",
	"signin", "signout"}

// noCommand is the error for a command that does not exist.
func noCommand(app *cli.App, word string) error {
	way := "see fh-ollama help"
	if slices.Contains(ollamas, word) {
		way = "it is one of Ollama's: " + commandline.Other("ollama", word)
	} else if like := suggest(word, commandNames(app)); like != "" {
		way = "did you mean fh-ollama " + like + "? see fh-ollama help"
	}
	return usageError{hint.New(fmt.Sprintf("no command %q", word), way)}
}

func commandNames(app *cli.App) []string {
	var names []string
	for _, command := range app.VisibleCommands() {
		names = append(names, command.Name)
	}
	return names
}

// wrongFlags adds a hint to an error of the command line's parser.
func wrongFlags(c *cli.Context, err error) error {
	see := "see fh-ollama --help"
	flags := c.App.Flags
	if c.Command != nil && c.App.Command(c.Command.Name) != nil {
		see, flags = "see fh-ollama "+c.Command.Name+" --help", c.Command.Flags
	}
	word, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return usageError{hint.Wrap(err, see)}
	}
	word = strings.TrimPrefix(word, "-")
	var names []string
	for _, flag := range flags {
		names = append(names, flag.Names()...)
	}
	if like := suggest(word, names); len(like) > 1 {
		see = "did you mean --" + like + "? " + see
	}
	dashes := "--"
	if len(word) == 1 {
		dashes = "-"
	}
	return usageError{hint.New("unknown option "+dashes+word, see)}
}

// suggest returns the one of words that was probably meant, "" for none: one that is a prefix of word or has it as a
// prefix, else the most similar one.
func suggest(word string, words []string) string {
	best, most := "", 0.8 // less would accept words that differ in most letters
	for _, w := range words {
		if len(word) >= 3 && strings.HasPrefix(w, word) || len(w) >= 3 && strings.HasPrefix(word, w) {
			return w
		}
		if like := smetrics.JaroWinkler(word, w, 0.7, 4); like > most {
			best, most = w, like
		}
	}
	return best
}
