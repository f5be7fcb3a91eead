package install

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

//go:embed ollama-flashhead.service
var unitText string

// serviceFile is the name of the service's file.
const serviceFile = "ollama-flashhead.service"

// ServiceUser is the user that Ollama's installer makes.
const ServiceUser = "ollama"

// ServiceAlone are the settings of the service where there is no stock one.
var ServiceAlone = []string{"User=" + ServiceUser, "Group=" + ServiceUser}

// unit returns a systemd service that runs the Ollama in prefix, an absolute path, beside a stock one, with settings of
// the stock one's service. A path that systemd would not run or would misread is an error.
func unit(prefix string, settings []string) ([]byte, error) {
	if strings.ContainsFunc(prefix, func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune(`"'\`, r) }) {
		return nil, hint.New(fmt.Sprintf("systemd starts no program in %q", prefix),
			"choose a folder without quotes and backslashes in its name")
	}
	text := strings.Replace(unitText, "@SERVICE@\n", strings.Join(append(slices.Clone(settings), ""), "\n"), 1)
	escaped := strings.ReplaceAll(prefix, "%", "%%") // for ExecStart
	text = strings.ReplaceAll(text, `"@PREFIX@/bin/ollama"`, `"`+escaped+`/bin/ollama"`)
	return []byte(strings.ReplaceAll(text, "@PREFIX@", prefix)), nil
}
