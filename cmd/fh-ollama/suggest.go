package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// ollamas are commands that users look for here and find in Ollama.
var ollamas = []string{"run", "serve", "start", "pull", "push", "show", "list", "ls", "ps", "rm", "cp", "stop",
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

// wrongFlags gives the errors of the command line's parser a way out.
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
	return usageError{hint.New("there is no option "+dashes+word, see)}
}

// suggest returns which of words one may have meant, "" for none: one that it begins with or that begins with it, or else the
// nearest, if only few letters are wrong.
func suggest(word string, words []string) string {
	best, least := "", max(1, len(word)/3)+1
	for _, w := range words {
		if len(word) >= 3 && strings.HasPrefix(w, word) || len(w) >= 3 && strings.HasPrefix(word, w) {
			return w
		}
		if d := distance(word, w); d < least {
			best, least = w, d
		}
	}
	return best
}

// distance counts the letters to insert, leave out, replace or swap with their neighbour to get from a to b: the optimal
// string alignment distance.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			replaced := last[j]
			if a[i] != b[j] {
				replaced++
			}
			row[j+1] = min(replaced, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
