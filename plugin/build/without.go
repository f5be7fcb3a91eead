package build

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// amx is another name of amx_tile, which the other sets of AMX need.
const amx = "amx"

// ParseWithout validates names of instruction sets for goarch, and returns them sorted, without duplicates.
func ParseWithout(names []string, goarch string) ([]string, error) {
	var known []string
	for _, set := range instructionSets[goarch] {
		known = append(known, set.name)
	}
	if goarch == "amd64" {
		known = append(known, amx)
	}
	slices.Sort(known)
	for _, name := range names {
		switch {
		case slices.Contains(known, name):
		case len(known) == 0:
			return nil, hint.New("--without: a build for "+goarch+" uses no optional instruction sets", "leave out --without")
		default:
			return nil, hint.New(fmt.Sprintf("unknown instruction set %q", name), "choose from "+strings.Join(known, ", "))
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(names))), nil
}

// without returns a copy of m without the macros of sets, and so without the sets that need them.
func (m Macros) without(sets []string, goarch string) Macros {
	m = maps.Clone(m)
	for _, set := range instructionSets[goarch] {
		if slices.Contains(sets, set.name) || set.name == "amx_tile" && slices.Contains(sets, amx) {
			delete(m, set.macros[0])
		}
	}
	return m
}

// withoutHint returns names for --without that exclude the largest sets in used, the summary of nativeFlags; "" if
// none.
func withoutHint(used string) string {
	words := strings.FieldsFunc(used, func(r rune) bool { return r == ' ' || r == '+' })
	var parts []string
	for _, c := range []struct{ name, mark string }{
		{"amx", "AMX_TILE"}, {"avx512", "AVX512"}, {"avx2", "AVX2"}, {"sme", "sme"}, {"sve", "sve"}, {"i8mm", "i8mm"},
	} {
		if len(parts) < 2 && slices.Contains(words, c.mark) {
			parts = append(parts, c.name)
		}
	}
	return strings.Join(parts, ",")
}
