// Package sampletext holds the built-in texts for evaluation and calibration. README.md names their sources.
package sampletext

import (
	"embed"
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
	var all []Kind
	for _, group := range list(kinds, "kinds") {
		for _, file := range list(kinds, path.Join("kinds", group)) {
			all = append(all, Kind{group, strings.TrimSuffix(file, ".txt"), read(kinds, path.Join("kinds", group, file))})
		}
	}
	return all
}

// Unseen returns the kinds of text to evaluate with, ordered by group. Heads are not calibrated with any of it.
func Unseen() []Kind {
	var all []Kind
	for _, file := range list(unseen, "unseen") {
		all = append(all, Kind{Group: strings.TrimSuffix(file, ".txt"), Text: read(unseen, path.Join("unseen", file))})
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

// list returns the names in a folder, sorted.
func list(files embed.FS, folder string) []string {
	entries, err := files.ReadDir(folder)
	if err != nil {
		panic(err) // they are part of the program
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func read(files embed.FS, name string) string {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return string(text)
}
