package build

import (
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

func macros(names string) Macros {
	m := Macros{}
	for _, n := range strings.Fields(names) {
		m[n] = "1"
	}
	return m
}

// A build names the instruction sets of the processor. Those that need a left-out set go with it.
func TestNativeFlags(t *testing.T) {
	const haswell = "__SSE4_2__ __AVX__ __F16C__ __FMA__ __BMI2__ __AVX2__"
	const zen4 = haswell + " __AVX512F__ __AVX512CD__ __AVX512VL__ __AVX512DQ__ __AVX512BW__ __AVX512VBMI__ " +
		"__AVX512VNNI__ __AVX512BF16__"
	const sapphireRapids = zen4 + " __AVXVNNI__ __AMX_TILE__ __AMX_INT8__ __AMX_BF16__"
	const m1 = "__ARM_FEATURE_DOTPROD __ARM_FEATURE_FP16_VECTOR_ARITHMETIC"
	const graviton4 = m1 + " __ARM_FEATURE_SVE __ARM_FEATURE_MATMUL_INT8 __ARM_FEATURE_SVE2"
	for _, c := range []struct{ arch, macros, without, want string }{
		{"amd64", "__SSE2__", "", "generic amd64"},
		{"amd64", haswell + " __AVXVNNI__", "", "SSE42 AVX F16C FMA BMI2 AVX2 AVX_VNNI"},
		{"amd64", haswell + " __AVX512F__ __AVX512CD__", "", "SSE42 AVX F16C FMA BMI2 AVX2"}, // Knights Landing
		{"amd64", zen4, "", "SSE42 AVX F16C FMA BMI2 AVX2 AVX512 AVX512_VBMI AVX512_VNNI AVX512_BF16"},
		{"amd64", sapphireRapids, "",
			"SSE42 AVX F16C FMA BMI2 AVX2 AVX_VNNI AVX512 AVX512_VBMI AVX512_VNNI AVX512_BF16 AMX_TILE AMX_INT8 AMX_BF16"},
		{"amd64", sapphireRapids, "amx", "SSE42 AVX F16C FMA BMI2 AVX2 AVX_VNNI AVX512 AVX512_VBMI AVX512_VNNI AVX512_BF16"},
		{"amd64", sapphireRapids, "avx512", "SSE42 AVX F16C FMA BMI2 AVX2 AVX_VNNI"},
		{"amd64", sapphireRapids, "avx512_vnni bmi2 amx_int8",
			"SSE42 AVX F16C FMA AVX2 AVX_VNNI AVX512 AVX512_VBMI AVX512_BF16 AMX_TILE AMX_BF16"},
		{"amd64", sapphireRapids, "fma", "SSE42 AVX F16C BMI2 AVX2 AVX_VNNI"},
		{"amd64", sapphireRapids, "sse42 bmi2", "generic amd64"},
		{"arm64", "__ARM_NEON", "", "armv8-a"},
		{"arm64", m1, "", "armv8.2-a+dotprod+fp16"},
		{"arm64", graviton4, "sve2", "armv8.6-a+dotprod+fp16+sve+i8mm"},
		{"arm64", graviton4, "i8mm", "armv8.2-a+dotprod+fp16+sve"},
		{"arm64", graviton4, "dotprod fp16", "armv8-a"},
		{"riscv64", "__riscv", "", "generic riscv64"},
	} {
		flags, summary := nativeFlags(c.arch, macros(c.macros).without(strings.Fields(c.without), c.arch))
		if summary != c.want {
			t.Errorf("%s %s without %q: %s, want %s", c.arch, c.macros, c.without, summary, c.want)
		}
		var on []string
		for _, f := range flags {
			if name, ok := strings.CutSuffix(f, "=ON"); ok {
				on = append(on, strings.TrimPrefix(name, "-DGGML_"))
			}
		}
		// ggml switches AVX2 on unless it is told otherwise, which an older processor would not survive.
		if got := strings.Join(on, " "); c.arch == "amd64" && (len(flags) != len(instructionSets["amd64"]) ||
			got != strings.TrimPrefix(summary, "generic amd64")) {
			t.Errorf("%s: %v", c.macros, flags)
		}
		if c.arch == "arm64" && flags[0] != "-DGGML_CPU_ARM_ARCH="+c.want {
			t.Errorf("%s: %v", c.macros, flags)
		}
	}
}

func TestHostMacros(t *testing.T) {
	cc, ok := findCompiler("CC", toolCC.names)
	if !ok {
		t.Fatal("no C compiler")
	}
	m, err := hostMacros(t.Context(), cc, runtime.GOARCH)
	if err != nil {
		t.Fatal(err)
	}
	always := map[string]string{"amd64": "__SSE2__", "arm64": "__ARM_NEON"}
	if name, known := always[runtime.GOARCH]; known && m[name] != "1" {
		t.Errorf("%s is %q", name, m[name])
	}
}

func TestParseWithout(t *testing.T) {
	if got, err := ParseWithout([]string{"avx512", "amx", "avx512"}, "amd64"); err != nil ||
		!slices.Equal(got, []string{"amx", "avx512"}) {
		t.Errorf("%q, %v", got, err)
	}
	for arch, way := range map[string]string{"amd64": "amx, amx_bf16,", "arm64": "dotprod, fp16", "riscv64": "leave out"} {
		if _, err := ParseWithout([]string{"AVX512"}, arch); err == nil || !strings.Contains(hint.Of(err), way) {
			t.Errorf("%s: %v, hint %q", arch, err, hint.Of(err))
		}
	}
}

func TestWithoutHint(t *testing.T) {
	for used, want := range map[string]string{"SSE42 AVX2 AVX512 AMX_TILE AMX_INT8": "amx,avx512",
		"SSE42 AVX2 AVX512": "avx512,avx2", "SSE42 AVX AVX2": "avx2",
		"armv8.6-a+dotprod+fp16+sve+i8mm": "sve,i8mm", "generic amd64": ""} {
		if got := withoutHint(used); got != want {
			t.Errorf("%s: --without %s, want %s", used, got, want)
		}
	}
}
