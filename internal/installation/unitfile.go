package installation

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
)

// unitText is what the files of a systemd service say.
type unitText struct {
	commands  []string            // of ExecStart
	values    map[string]string   // of the other settings; lists of groups are joined
	variables map[string]variable // of the environment
}

// variable is a variable in a unit's environment.
type variable struct {
	value string // as in Environment=, where %% stands for %
	file  string // that sets it
}

func (v variable) plain() string { return strings.ReplaceAll(v.value, "%%", "%") }

// readUnit reads the files of a service; false if it has no file of its own in folders.
func readUnit(name string, folders []string) (unitText, bool) {
	t := unitText{values: map[string]string{}, variables: map[string]variable{}}
	var environmentFiles []string
	files := unitFiles(name, folders)
	for _, file := range files {
		for _, s := range settings(file) {
			switch {
			case s.key == "ExecStart" && s.value == "": // an empty value takes back those before it
				t.commands = nil
			case s.key == "ExecStart":
				t.commands = append(t.commands, s.value)
			case s.key == "Environment" && s.value == "":
				clear(t.variables)
			case s.key == "Environment":
				assignments, _ := commandline.Split(s.value)
				for _, assignment := range assignments {
					name, value, _ := strings.Cut(assignment, "=")
					t.variables[name] = variable{value, file}
				}
			case s.key == "EnvironmentFile" && s.value == "":
				environmentFiles = nil
			case s.key == "EnvironmentFile":
				environmentFiles = append(environmentFiles, strings.TrimPrefix(s.value, "-"))
			case s.key == "SupplementaryGroups" && s.value != "" && t.values[s.key] != "":
				t.values[s.key] += " " + s.value
			default:
				t.values[s.key] = s.value
			}
		}
	}
	for _, file := range environmentFiles { // they override Environment=
		for _, s := range settings(file) {
			words, _ := commandline.Split(s.value)
			t.variables[s.key] = variable{strings.ReplaceAll(strings.Join(words, " "), "%", "%%"), file} // there % is literal
		}
	}
	return t, len(files) > 0
}

// unitFiles returns a unit's own file and its drop-ins in systemd's order, or nothing if it has no file of its own.
func unitFiles(name string, folders []string) []string {
	var files []string
	dropIns := map[string]string{} // by name: the first folder's hides others of the same name
	for _, folder := range folders {
		if path := filepath.Join(folder, name); len(files) == 0 {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				files = []string{path}
			}
		}
		found, _ := filepath.Glob(filepath.Join(folder, name+".d", "*.conf"))
		for _, path := range found {
			if _, hidden := dropIns[filepath.Base(path)]; !hidden {
				dropIns[filepath.Base(path)] = path
			}
		}
	}
	if len(files) == 0 {
		return nil
	}
	for _, base := range slices.Sorted(maps.Keys(dropIns)) {
		files = append(files, dropIns[base])
	}
	return files
}

// setting is a line KEY=VALUE.
type setting struct{ key, value string }

// settings reads such lines; a backslash at the end continues one. A file that cannot be read has none.
func settings(path string) []setting {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var all []setting
	for line := range strings.Lines(strings.ReplaceAll(string(data), "\\\n", " ")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok {
			all = append(all, setting{strings.TrimSpace(key), strings.TrimSpace(value)})
		}
	}
	return all
}
