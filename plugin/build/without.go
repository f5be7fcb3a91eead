package build

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// instructionSet is a set of instructions as --without names it: what ggml calls it, in lower case, the macro by which a
// compiler says that it uses it, and the sets that cannot be used without it.
type instructionSet struct {
	macro string
	under []string
}

// instructionSets are those of each processor that a native build can leave out. What lies under a set is what a compiler, or
// ggml's code, takes for granted where the upper one is there: -mavx512f implies -mavx2, armv8.6-a implies i8mm.
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

// ParseWithout checks names of sets of instructions for a processor, as Go names it, and returns them in order, each once.
func ParseWithout(names []string, goarch string) ([]string, error) {
	known := instructionSets[goarch]
	for _, name := range names {
		if _, ok := known[name]; ok {
			continue
		}
		if len(known) == 0 {
			return nil, hint.New("--without: a build for "+goarch+" uses no sets of instructions beyond the plain ones", "leave out --without")
		}
		return nil, hint.New(fmt.Sprintf("no set of instructions is called %q", name),
			"give some of "+strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	return slices.Compact(slices.Sorted(slices.Values(names))), nil
}

// without removes the macros of sets, and of those that need them, from a copy of m.
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

// withoutHint is how to build with fewer sets of instructions than used, the text of NativeFlags: "" if there is no way.
func withoutHint(used string) string {
	words := strings.FieldsFunc(used, func(r rune) bool { return r == ' ' || r == '+' })
	var parts []string
	for _, c := range []struct{ name, mark string }{{"amx", "AMX_TILE"}, {"avx512", "AVX512"}, {"avx2", "AVX2"}, {"sme", "sme"}, {"sve", "sve"}, {"i8mm", "i8mm"}} {
		if len(parts) < 2 && slices.Contains(words, c.mark) {
			parts = append(parts, c.name)
		}
	}
	return strings.Join(parts, ",")
}
