package ollama

import (
	"strings"

	"github.com/ollama/ollama/api"
)

// Files returns the paths on the server's machine of a model's weights, then projectors; of its draft model; and of its
// adapters. Of weights in several files only the first is named.
func Files(show *api.ShowResponse) (from, draft, adapters []string) {
	for line := range strings.Lines(show.Modelfile) {
		line = strings.TrimSpace(line)
		command, value, _ := strings.Cut(line, " ")
		value = strings.Trim(value, `"`)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case command == "FROM":
			from = append(from, value)
		case command == "DRAFT":
			draft = append(draft, value)
		case command == "ADAPTER":
			adapters = append(adapters, value)
		default: // the server writes these lines before everything else
			return from, draft, adapters
		}
	}
	return from, draft, adapters
}
