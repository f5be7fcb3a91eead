// Package sampletext holds the built-in texts for evaluation and calibration. README.md names their sources.
package sampletext

import (
	"embed"
	"io/fs"
	"path"
	"strings"
)

//go:embed kinds/*/*.txt
var kinds embed.FS

//go:embed unseen/*.txt
var unseen embed.FS

// Kind is one kind of text: prose, code or data of one sort, or a language.
type Kind struct {
	Group string // of related kinds, such as code
	Name  string // within the group, such as python; "" if it is the only one
	Text  string
}

// Kinds returns the kinds of text to calibrate with, ordered by group and name.
func Kinds() []Kind {
	all := load(kinds, "kinds/*/*.txt")
	for i := range all {
		all[i].Group = path.Base(path.Dir(all[i].Group))
	}
	return all
}

// Unseen returns the kinds of text to evaluate with, ordered by group. Heads are not calibrated with any of it.
func Unseen() []Kind {
	all := load(unseen, "unseen/*.txt")
	for i := range all {
		all[i].Group, all[i].Name = all[i].Name, ""
	}
	return all
}

// Everything returns all unseen text in one.
func Everything() string {
	var all strings.Builder
	for _, kind := range Unseen() {
		all.WriteString(kind.Text)
	}
	return all.String()
}

// load reads the files of a pattern, ordered by path. Each is named by its file, and its group is its path.
func load(files embed.FS, pattern string) []Kind {
	paths, err := fs.Glob(files, pattern)
	if err != nil {
		panic(err)
	}
	var all []Kind
	for _, p := range paths {
		text, err := files.ReadFile(p)
		if err != nil {
			panic(err) // it is part of the program
		}
		all = append(all, Kind{p, strings.TrimSuffix(path.Base(p), ".txt"), string(text)})
	}
	return all
}
