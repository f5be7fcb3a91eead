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

// Macros are the predefined macros of a compiler: name to value.
type Macros map[string]string

// all reports whether every one of names is defined.
func (m Macros) all(names ...string) bool {
	for _, n := range names {
		if _, ok := m[n]; !ok {
			return false
		}
	}
	return true
}

// hostMacros asks the compiler what it would use on this very processor. That is narrower than what the processor
// has: an old compiler does not know its newest instructions, and a build must not name them then.
func hostMacros(ctx context.Context, cc Compiler, goarch string) (Macros, error) {
	native := "-march=native"
	if goarch == "arm64" {
		native = "-mcpu=native" // Apple's compiler takes no other
	}
	words := cc.command(native, "-dM", "-E", "-x", "c", os.DevNull)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = process.Environment()
	out, err := cmd.Output()
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, hint.Wrap(fmt.Errorf("%s %s: %w", cc.Path, native, err), "use --cpu-variants all, which needs no detection")
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

// x86Features maps ggml's options to the macros that say a processor has what the option compiles for.
// All are named in every build, because ggml switches some on by default.
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

// avx512 is what ggml compiles with under GGML_AVX512.
var avx512 = []string{"__AVX512F__", "__AVX512CD__", "__AVX512VL__", "__AVX512DQ__", "__AVX512BW__"}

// armFeatures maps macros to the extensions of -march, in the order in which ggml names them.
var armFeatures = []struct{ macro, extension string }{
	{"__ARM_FEATURE_DOTPROD", "dotprod"},
	{"__ARM_FEATURE_FP16_VECTOR_ARITHMETIC", "fp16"},
	{"__ARM_FEATURE_SVE", "sve"},
	{"__ARM_FEATURE_MATMUL_INT8", "i8mm"},
	{"__ARM_FEATURE_SVE2", "sve2"},
	{"__ARM_FEATURE_SME", "sme"},
}

// NativeFlags returns CMake's options for a CPU backend made for the processor that macros describe,
// and a short text of what is used. goarch is amd64 or arm64; other processors get ggml's plain build.
func NativeFlags(goarch string, macros Macros) (flags []string, summary string) {
	var used []string
	switch goarch {
	case "amd64":
		for _, f := range x86Features {
			state := "OFF"
			if macros.all(f.macros...) {
				state = "ON"
				used = append(used, strings.TrimPrefix(f.option, "GGML_"))
			}
			flags = append(flags, "-D"+f.option+"="+state)
		}
	case "arm64":
		base := "armv8-a"
		for _, f := range armFeatures {
			if !macros.all(f.macro) {
				continue
			}
			used = append(used, f.extension)
			switch f.extension { // the first architecture that has the extension, as in ggml's own variants
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
