// Package packaging holds what an installation has beside the files of the build.
package packaging

import (
	_ "embed"
	"fmt"
	"strings"
	"unicode"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

//go:embed ollama-flashhead.service
var unit string

// UnitName is the file name of Unit.
const UnitName = "ollama-flashhead.service"

// Unit is a systemd service that runs the Ollama in prefix, an absolute path, beside a stock one. It is an error if systemd
// would not start a program with that path, or would read something else.
func Unit(prefix string) ([]byte, error) {
	if strings.ContainsFunc(prefix, func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune(`"'\`, r) }) {
		return nil, hint.New(fmt.Sprintf("systemd starts no program in %q", prefix), "choose a folder without quotes and backslashes in its name")
	}
	escaped := strings.ReplaceAll(prefix, "%", "%%") // as ExecStart reads it
	text := strings.ReplaceAll(unit, `"@PREFIX@/bin/ollama"`, `"`+escaped+`/bin/ollama"`)
	return []byte(strings.ReplaceAll(text, "@PREFIX@", prefix)), nil
}
