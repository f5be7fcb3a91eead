// Package config reads fh-ollama.toml. It has one table per command, with the names of the command's flags as keys.
//
//	[convert]
//	cluster-size = 16
//	threads = 4
package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// Name is the name of the file.
const Name = "fh-ollama.toml"

// Setting is one key of the file, in the form of the command line.
type Setting struct {
	Flag   string
	Values []string // one, or the elements of an array
}

// userPath returns the path of the settings in the user's configuration directory, "" if there is no such directory. A
// file in the working directory is not read unless named, because settings name programs to run.
func userPath() string {
	dir, err := os.UserConfigDir()
	if err != nil || !filepath.IsAbs(dir) {
		return ""
	}
	return filepath.Join(dir, "fh-ollama", Name)
}

// Load returns the settings of one command, sorted by name, and their file. That is named, which must exist; or the
// user's, if named is ""; or "" if there is none. flags holds the names of the flags of every command. An unknown name
// in any table is an error.
func Load(named string, flags map[string][]string, command string) (settings []Setting, path string, err error) {
	path = cmp.Or(named, userPath())
	if path == "" {
		return nil, "", nil
	}
	data, err := os.ReadFile(path)
	if named == "" && errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, path, hint.Wrap(err, "name a file that can be read with --config, or leave that out")
	}
	if named == "" && !process.Trusted(path) {
		return nil, path, hint.New(path+" may be written by another user, and could name programs to run",
			"if you trust it, name it with --config; --config /dev/null takes no settings")
	}
	tables, err := parse(string(data), flags)
	if err != nil {
		return nil, path, hint.Wrap(fmt.Errorf("%s: %w", path, err), hint.Of(err))
	}
	return tables[command], path, nil
}

// programs are the keys that name programs, their sources or their folders.
var programs = []string{"lib", "ollama", "ollama-source", "llama-cpp-source"}

// parse returns the settings of every command.
func parse(text string, flags map[string][]string) (map[string][]Setting, error) {
	var file map[string]any
	if _, err := toml.Decode(text, &file); err != nil {
		return nil, hint.Wrap(err, "correct the file; it is TOML, one table a command")
	}
	tables := map[string][]Setting{}
	for _, command := range slices.Sorted(maps.Keys(file)) {
		known, ok := flags[command]
		table, isTable := file[command].(map[string]any)
		switch {
		case ok && !isTable:
			return nil, hint.New(fmt.Sprintf("%s is not a table", command),
				fmt.Sprintf("write [%s] and the settings below it", command))
		case !ok && !isTable:
			return nil, hint.New(fmt.Sprintf("unknown key %q", command),
				"settings belong into the table of a command, e.g. [convert]")
		case !ok:
			return nil, hint.New(fmt.Sprintf("unknown table [%s]", command),
				"the tables are "+strings.Join(slices.Sorted(maps.Keys(flags)), ", "))
		}
		for _, key := range slices.Sorted(maps.Keys(table)) {
			if !slices.Contains(known, key) {
				return nil, hint.New(fmt.Sprintf("unknown key %q in [%s]", key, command), "the keys are "+strings.Join(known, ", "))
			}
			values, err := texts(table[key])
			if err == nil && slices.Contains(programs, key) &&
				slices.ContainsFunc(values, func(v string) bool { return !filepath.IsAbs(v) }) {
				err = errors.New("is not a whole path, so it would be searched in any working directory")
			}
			if err != nil {
				return nil, hint.Wrap(fmt.Errorf("[%s] %s %w", command, key, err), "give it as you would after the flag")
			}
			tables[command] = append(tables[command], Setting{key, values})
		}
	}
	return tables, nil
}

// texts returns a TOML value in the form of the command line.
func texts(value any) ([]string, error) {
	switch v := value.(type) {
	case string:
		return []string{v}, nil
	case bool, int64, float64:
		return []string{fmt.Sprint(v)}, nil
	case []any:
		var all []string
		for _, element := range v {
			_, nested := element.([]any)
			text, err := texts(element)
			if err != nil || nested {
				return nil, errors.New("is an array of something else than plain values")
			}
			all = append(all, text[0])
		}
		return all, nil
	}
	return nil, errors.New("is not a text, number, true, false or array")
}
