package installation

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// shared are the settings for the user and the files of a service.
var shared = []string{"User", "Group", "DynamicUser", "SupplementaryGroups", "StateDirectory"}

// modelsVariable says where models are, without it HOME.
const modelsVariable = "OLLAMA_MODELS"

// Service returns lines for the section [Service] of another unit, such as "User=ollama", that give it the user and the
// models of the system's ollama.service. It is false if there is no ollama.service.
func (p Places) Service() (lines []string, ok bool) {
	text, ok := readUnit("ollama.service", p.unitFolders(false))
	for _, key := range shared {
		if text.values[key] != "" {
			lines = append(lines, key+"="+text.values[key])
		}
	}
	for _, name := range []string{"HOME", modelsVariable} {
		if v, set := text.variables[name]; set {
			lines = append(lines, `Environment="`+name+"="+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v.value)+`"`)
		}
	}
	return lines, ok
}

// Models returns the folders where an Ollama of this machine may keep its models: that of OLLAMA_MODELS, the service's,
// the user's, and that of Ollama's own installer. They need not exist.
func (p Places) Models() []string {
	text, _ := readUnit("ollama.service", p.unitFolders(false))
	const below = ".ollama/models"
	folders := []string{
		os.Getenv(modelsVariable), text.variables[modelsVariable].plain(),
		filepath.Join(text.variables["HOME"].plain(), below), filepath.Join(p.Home, below),
		p.below("usr/share/ollama", below),
	}
	folders = slices.DeleteFunc(folders, func(dir string) bool { return !filepath.IsAbs(dir) })
	slices.Sort(folders)
	return slices.Compact(folders)
}
