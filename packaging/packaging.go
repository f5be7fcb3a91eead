// Package packaging holds what an installation has beside the files of the build.
package packaging

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

//go:embed ollama-flashhead.service
var unit string

// UnitName is the file name of Unit.
const UnitName = "ollama-flashhead.service"

// User is the user that Ollama's installer makes.
const User = "ollama"

// Alone are the settings of a service beside no other.
var Alone = []string{"User=" + User, "Group=" + User}

// Unit is a systemd service that runs the Ollama in prefix, an absolute path, beside a stock one, with these settings of
// that one's. It is an error if systemd would not start a program with that path, or would read something else.
func Unit(prefix string, settings []string) ([]byte, error) {
	if strings.ContainsFunc(prefix, func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune(`"'\`, r) }) {
		return nil, hint.New(fmt.Sprintf("systemd starts no program in %q", prefix), "choose a folder without quotes and backslashes in its name")
	}
	text := strings.Replace(unit, "@SERVICE@\n", strings.Join(append(slices.Clone(settings), ""), "\n"), 1)
	escaped := strings.ReplaceAll(prefix, "%", "%%") // as ExecStart reads it
	text = strings.ReplaceAll(text, `"@PREFIX@/bin/ollama"`, `"`+escaped+`/bin/ollama"`)
	return []byte(strings.ReplaceAll(text, "@PREFIX@", prefix)), nil
}
