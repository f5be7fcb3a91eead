package installation

import (
	"slices"
	"strings"
)

// shared are the settings for the user and the files of a service.
var shared = []string{"User", "Group", "DynamicUser", "SupplementaryGroups", "StateDirectory"}

// sharedVariables say where its models are.
var sharedVariables = []string{"HOME", "OLLAMA_MODELS"}

// Service returns lines for the section [Service] of another unit, such as "User=ollama", that give it the user and the
// models of the system's ollama.service. It is false if there is no ollama.service.
func (p Places) Service() (lines []string, ok bool) {
	files := p.unitFiles("ollama.service", p.unitFolders(false))
	if len(files) == 0 {
		return nil, false
	}
	values, variables := map[string]string{}, map[string]string{}
	var environmentFiles []string
	for _, file := range files {
		for _, s := range settings(file) {
			switch {
			case slices.Contains(shared, s.key):
				if s.key == "SupplementaryGroups" && s.value != "" && values[s.key] != "" {
					s.value = values[s.key] + " " + s.value // a list that accumulates
				}
				values[s.key] = s.value
			case s.key == "Environment" && s.value == "":
				clear(variables)
			case s.key == "Environment":
				for _, assignment := range words(s.value) {
					name, value, _ := strings.Cut(assignment, "=")
					variables[name] = value
				}
			case s.key == "EnvironmentFile" && s.value == "":
				environmentFiles = nil
			case s.key == "EnvironmentFile":
				environmentFiles = append(environmentFiles, strings.TrimPrefix(s.value, "-"))
			}
		}
	}
	for _, file := range environmentFiles { // they override Environment=
		for _, s := range settings(file) {
			variables[s.key] = strings.ReplaceAll(strings.Join(words(s.value), " "), "%", "%%") // there % is literal
		}
	}
	for _, key := range shared {
		if values[key] != "" {
			lines = append(lines, key+"="+values[key])
		}
	}
	for _, name := range sharedVariables {
		if value, set := variables[name]; set {
			lines = append(lines, `Environment="`+name+"="+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)+`"`)
		}
	}
	return lines, true
}
