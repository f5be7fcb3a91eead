// Package packaging holds what an installation has beside the files of the build.
package packaging

import (
	_ "embed"
	"strings"
)

//go:embed ollama-flashhead.service
var unit string

// UnitName is the file name of Unit.
const UnitName = "ollama-flashhead.service"

// Unit is a systemd service that runs the Ollama in prefix, an absolute path, beside a stock one.
func Unit(prefix string) []byte {
	escaped := strings.NewReplacer(`%`, `%%`, `$`, `$$`, `\`, `\\`, `"`, `\"`).Replace(prefix) // as ExecStart reads it
	text := strings.ReplaceAll(unit, `"@PREFIX@/bin/ollama"`, `"`+escaped+`/bin/ollama"`)
	return []byte(strings.ReplaceAll(text, "@PREFIX@", prefix))
}
