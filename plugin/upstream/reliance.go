package upstream

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// pluginLibrary is Reliance.For of the plug-in library.
const pluginLibrary = "plug-in"

// Reliance is one thing that patches or sources take for granted in sources of others; patches/relies.toml explains the
// keys.
type Reliance struct {
	For  string `toml:"-"` // who relies on it, such as the number of a patch
	What string // for people
	File string // path that begins with the name of the source; a folder ends in /

	Declaration string
	Texts       []string
	Times       int
}

// readReliances reads patches/relies.toml, ordered by For. Unknown and missing keys are errors.
func readReliances(patches fs.FS) (list []Reliance, err error) {
	const name = "relies.toml"
	data, err := fs.ReadFile(patches, name)
	if err != nil {
		return nil, err
	}
	var tables map[string][]Reliance
	meta, err := toml.Decode(string(data), &tables)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("%s: unknown key %s", name, unknown[0])
	}
	for _, user := range slices.Sorted(maps.Keys(tables)) {
		for i, r := range tables[user] {
			r.For = user
			if err := r.complete(); err != nil {
				return nil, fmt.Errorf("%s: entry %d of %s: %w", name, i+1, user, err)
			}
			list = append(list, r)
		}
	}
	return list, nil
}

// complete checks r, and puts the name of a struct into r.What.
func (r *Reliance) complete() error {
	if _, file, _ := strings.Cut(r.File, "/"); file == "" {
		return fmt.Errorf("no file: %q", r.File)
	}
	declared := strings.ContainsAny(r.Declaration, "{,=") // what follows the name
	if !declared && len(r.Texts) == 0 || r.Times > 0 && len(r.Texts) != 1 {
		return fmt.Errorf("no declaration, texts, or one text with times")
	}
	if head, _, found := strings.Cut(strings.TrimSpace(r.Declaration), " {"); found {
		r.What = strings.TrimSuffix(head+": "+r.What, ": ")
	}
	return nil
}
