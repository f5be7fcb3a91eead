// Package sampletext is the text that comes with the program, to evaluate and to calibrate with: README.md tells where
// it is from.
package sampletext

import (
	"embed"
	"path"
	"strings"
)

// Mixed has some pages of several kinds and languages in turn. Heads are not calibrated with it, so they can be
// evaluated with it.
//
//go:embed mixed.txt
var Mixed []byte

//go:embed kinds/*/*.txt
var kinds embed.FS

// Kind is one kind of text: prose, code or data of one sort, or a language.
type Kind struct {
	Group string // of related kinds, such as code
	Name  string // within the group, such as python
	Text  string
}

// Kinds returns the built-in kinds, ordered by group and name.
func Kinds() []Kind {
	var all []Kind
	groups, err := kinds.ReadDir("kinds")
	if err != nil {
		panic(err) // they are part of the program
	}
	for _, group := range groups {
		files, err := kinds.ReadDir(path.Join("kinds", group.Name()))
		if err != nil {
			panic(err)
		}
		for _, file := range files {
			text, err := kinds.ReadFile(path.Join("kinds", group.Name(), file.Name()))
			if err != nil {
				panic(err)
			}
			all = append(all, Kind{group.Name(), strings.TrimSuffix(file.Name(), ".txt"), string(text)})
		}
	}
	return all
}
