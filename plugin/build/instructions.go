package build

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// Macros are the predefined macros of a compiler, by name.
type Macros map[string]string

func (m Macros) all(names ...string) bool {
	for _, n := range names {
		if _, ok := m[n]; !ok {
			return false
		}
	}
	return true
}

// hostMacros asks the compiler for its macros on this processor. An old compiler may not know all of the processor's
// instructions, which a build must not name then.
func hostMacros(ctx context.Context, cc Compiler, goarch string) (Macros, error) {
	native := "-march=native"
	if goarch == "arm64" {
		native = "-mcpu=native" // the only spelling that Apple's compiler accepts
	}
	words := cc.command(native, "-dM", "-E", "-x", "c", os.DevNull)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = process.Environment()
	out, err := cmd.Output()
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, hint.Wrap(fmt.Errorf("%s %s: %w", cc.Path, native, err),
			"use --cpu-variants all, which needs no detection")
	}
	return parseMacros(string(out)), nil
}

func parseMacros(text string) Macros {
	m := Macros{}
	for _, line := range strings.Split(text, "\n") {
		if f := strings.SplitN(line, " ", 3); len(f) >= 2 && f[0] == "#define" {
			m[f[1]] = strings.Join(f[2:], " ")
		}
	}
	return m
}

// instructionSet is one that a native build can use or leave out.
type instructionSet struct {
	name   string   // ggml's, in lower case
	macros []string // of all that it needs, its own first
}

// need returns the macros of a set that is called by the first and needs others.
func need(macro string, others ...[]string) []string {
	return append([]string{macro}, slices.Concat(others...)...)
}

// A set needs another if compilers or ggml imply that: -mavx512f implies -mavx2, armv8.6-a implies i8mm.
var (
	sse42  = need("__SSE4_2__")
	avx    = need("__AVX__", sse42)
	f16c   = need("__F16C__", avx)
	fma    = need("__FMA__", avx)
	avx2   = need("__AVX2__", avx)
	avx512 = need("__AVX512F__", need("__AVX512CD__"), need("__AVX512VL__"), need("__AVX512DQ__"), need("__AVX512BW__"),
		f16c, fma, avx2)
	amxTile = need("__AMX_TILE__", avx512)

	dotprod = need("__ARM_FEATURE_DOTPROD")
	sve     = need("__ARM_FEATURE_SVE", need("__ARM_FEATURE_FP16_VECTOR_ARITHMETIC"))
	i8mm    = need("__ARM_FEATURE_MATMUL_INT8", dotprod)
	sve2    = need("__ARM_FEATURE_SVE2", i8mm, sve)
)

// instructionSets are in ggml's order, by GOARCH.
var instructionSets = map[string][]instructionSet{
	"amd64": {
		{"sse42", sse42},
		{"avx", avx},
		{"f16c", f16c},
		{"fma", fma},
		{"bmi2", need("__BMI2__")},
		{"avx2", avx2},
		{"avx_vnni", need("__AVXVNNI__", avx2)},
		{"avx512", avx512},
		{"avx512_vbmi", need("__AVX512VBMI__", avx512)},
		{"avx512_vnni", need("__AVX512VNNI__", avx512)},
		{"avx512_bf16", need("__AVX512BF16__", avx512)},
		{"amx_tile", amxTile},
		{"amx_int8", need("__AMX_INT8__", amxTile)},
		{"amx_bf16", need("__AMX_BF16__", amxTile)},
	},
	"arm64": {
		{"dotprod", dotprod},
		{"fp16", need("__ARM_FEATURE_FP16_VECTOR_ARITHMETIC")},
		{"sve", sve},
		{"i8mm", i8mm},
		{"sve2", sve2},
		{"sme", need("__ARM_FEATURE_SME", sve2)},
	},
}

// nativeFlags returns CMake's options for a CPU backend for the processor that macros describe, and a summary of its
// instruction sets. Processors other than amd64 and arm64 get ggml's generic build.
func nativeFlags(goarch string, macros Macros) (flags []string, summary string) {
	var used []string
	base := "armv8-a"
	for _, set := range instructionSets[goarch] {
		on := macros.all(set.macros...)
		if goarch == "amd64" { // all are set, because some default to ON
			name := strings.ToUpper(set.name)
			flags = append(flags, "-DGGML_"+name+"="+onOff(on))
			if on {
				used = append(used, name)
			}
		} else if on {
			used = append(used, set.name)
			switch set.name { // first architecture with the extension, as in ggml's variants
			case "i8mm", "sve2":
				base = "armv8.6-a"
			case "sme":
				base = "armv9.2-a"
			default:
				base = "armv8.2-a"
			}
		}
	}
	if goarch == "arm64" {
		arch := strings.Join(append([]string{base}, used...), "+")
		return []string{"-DGGML_CPU_ARM_ARCH=" + arch}, arch
	}
	if len(used) == 0 {
		return flags, "generic " + goarch
	}
	return flags, strings.Join(used, " ")
}

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
