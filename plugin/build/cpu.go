package build

import (
	"context"
	"fmt"
	"os"
	"os/exec"
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

// x86Features maps ggml's options to the macros of what they compile for. A build sets all, because some default to ON.
var x86Features = []struct {
	option string
	macros []string
}{
	{"GGML_SSE42", []string{"__SSE4_2__"}},
	{"GGML_AVX", []string{"__AVX__"}},
	{"GGML_F16C", []string{"__F16C__"}},
	{"GGML_FMA", []string{"__FMA__"}},
	{"GGML_BMI2", []string{"__BMI2__"}},
	{"GGML_AVX2", []string{"__AVX2__"}},
	{"GGML_AVX_VNNI", []string{"__AVXVNNI__"}},
	{"GGML_AVX512", avx512},
	{"GGML_AVX512_VBMI", append([]string{"__AVX512VBMI__"}, avx512...)},
	{"GGML_AVX512_VNNI", append([]string{"__AVX512VNNI__"}, avx512...)},
	{"GGML_AVX512_BF16", append([]string{"__AVX512BF16__"}, avx512...)},
	{"GGML_AMX_TILE", append([]string{"__AMX_TILE__"}, avx512...)},
	{"GGML_AMX_INT8", append([]string{"__AMX_TILE__", "__AMX_INT8__"}, avx512...)},
	{"GGML_AMX_BF16", append([]string{"__AMX_TILE__", "__AMX_BF16__"}, avx512...)},
}

// avx512 is what GGML_AVX512 compiles for.
var avx512 = []string{"__AVX512F__", "__AVX512CD__", "__AVX512VL__", "__AVX512DQ__", "__AVX512BW__"}

// armFeatures maps macros to extensions of -march, in ggml's order.
var armFeatures = []struct{ macro, extension string }{
	{"__ARM_FEATURE_DOTPROD", "dotprod"},
	{"__ARM_FEATURE_FP16_VECTOR_ARITHMETIC", "fp16"},
	{"__ARM_FEATURE_SVE", "sve"},
	{"__ARM_FEATURE_MATMUL_INT8", "i8mm"},
	{"__ARM_FEATURE_SVE2", "sve2"},
	{"__ARM_FEATURE_SME", "sme"},
}

// nativeFlags returns CMake's options for a CPU backend for the processor that macros describe, and a summary of its
// instruction sets. Processors other than amd64 and arm64 get ggml's generic build.
func nativeFlags(goarch string, macros Macros) (flags []string, summary string) {
	var used []string
	switch goarch {
	case "amd64":
		for _, f := range x86Features {
			on := macros.all(f.macros...)
			if on {
				used = append(used, strings.TrimPrefix(f.option, "GGML_"))
			}
			flags = append(flags, "-D"+f.option+"="+onOff(on))
		}
	case "arm64":
		base := "armv8-a"
		for _, f := range armFeatures {
			if !macros.all(f.macro) {
				continue
			}
			used = append(used, f.extension)
			switch f.extension { // first architecture with the extension, as in ggml's variants
			case "i8mm", "sve2":
				base = "armv8.6-a"
			case "sme":
				base = "armv9.2-a"
			default:
				base = "armv8.2-a"
			}
		}
		arch := strings.Join(append([]string{base}, used...), "+")
		flags = []string{"-DGGML_CPU_ARM_ARCH=" + arch}
		used = []string{arch}
	}
	if len(used) == 0 {
		return flags, "generic " + goarch
	}
	return flags, strings.Join(used, " ")
}
