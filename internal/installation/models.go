package installation

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Models returns the folders where an Ollama of this machine may keep its models: that of OLLAMA_MODELS, the service's,
// the user's, and that of Ollama's own installer. They need not exist.
func (p Places) Models() []string {
	const variable = "OLLAMA_MODELS"
	var folders []string
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		folders = append(folders, dir)
	}
	lines, _ := p.Service()
	for _, line := range lines {
		value, ok := strings.CutPrefix(line, "Environment=")
		if !ok {
			continue
		}
		for _, assignment := range words(value) {
			name, dir, _ := strings.Cut(strings.ReplaceAll(assignment, "%%", "%"), "=")
			switch {
			case !filepath.IsAbs(dir):
			case name == variable:
				folders = append(folders, dir)
			case name == "HOME":
				folders = append(folders, filepath.Join(dir, ".ollama", "models"))
			}
		}
	}
	if p.Home != "" {
		folders = append(folders, filepath.Join(p.Home, ".ollama", "models"))
	}
	folders = append(folders, p.below("usr/share/ollama/.ollama/models"))
	slices.Sort(folders)
	return slices.Compact(folders)
}
