package build

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// instructionSet is a set's compiler macro, and the names of sets that need it.
type instructionSet struct {
	macro string
	under []string
}

// instructionSets are those that a native build can leave out, by GOARCH and ggml's name in lower case. A set needs
// another if compilers or ggml imply that: -mavx512f implies -mavx2, armv8.6-a implies i8mm.
var instructionSets = map[string]map[string]instructionSet{
	"amd64": {
		"sse42":       {"__SSE4_2__", []string{"avx"}},
		"avx":         {"__AVX__", []string{"f16c", "fma", "avx2"}},
		"f16c":        {"__F16C__", []string{"avx512"}},
		"fma":         {"__FMA__", []string{"avx512"}},
		"bmi2":        {"__BMI2__", nil},
		"avx2":        {"__AVX2__", []string{"avx_vnni", "avx512"}},
		"avx_vnni":    {"__AVXVNNI__", nil},
		"avx512":      {"__AVX512F__", []string{"avx512_vbmi", "avx512_vnni", "avx512_bf16", "amx"}},
		"avx512_vbmi": {"__AVX512VBMI__", nil},
		"avx512_vnni": {"__AVX512VNNI__", nil},
		"avx512_bf16": {"__AVX512BF16__", nil},
		"amx":         {"", []string{"amx_tile"}},
		"amx_tile":    {"__AMX_TILE__", []string{"amx_int8", "amx_bf16"}},
		"amx_int8":    {"__AMX_INT8__", nil},
		"amx_bf16":    {"__AMX_BF16__", nil},
	},
	"arm64": {
		"dotprod": {"__ARM_FEATURE_DOTPROD", []string{"i8mm", "sve2"}},
		"fp16":    {"__ARM_FEATURE_FP16_VECTOR_ARITHMETIC", []string{"sve"}},
		"sve":     {"__ARM_FEATURE_SVE", []string{"sve2"}},
		"i8mm":    {"__ARM_FEATURE_MATMUL_INT8", []string{"sve2"}},
		"sve2":    {"__ARM_FEATURE_SVE2", []string{"sme"}},
		"sme":     {"__ARM_FEATURE_SME", nil},
	},
}

// ParseWithout validates names of instruction sets for goarch, and returns them sorted, without duplicates.
func ParseWithout(names []string, goarch string) ([]string, error) {
	known := instructionSets[goarch]
	for _, name := range names {
		if _, ok := known[name]; ok {
			continue
		}
		if len(known) == 0 {
			return nil, hint.New("--without: a build for "+goarch+" uses no optional instruction sets", "leave out --without")
		}
		return nil, hint.New(fmt.Sprintf("unknown instruction set %q", name),
			"choose from "+strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	return slices.Compact(slices.Sorted(slices.Values(names))), nil
}

// without returns a copy of m without the macros of sets and of the sets that need them.
func (m Macros) without(sets []string, goarch string) Macros {
	m = maps.Clone(m)
	var remove func(name string)
	remove = func(name string) {
		set := instructionSets[goarch][name]
		delete(m, set.macro)
		for _, upper := range set.under {
			remove(upper)
		}
	}
	for _, name := range sets {
		remove(name)
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
