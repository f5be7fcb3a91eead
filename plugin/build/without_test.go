package build

import (
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

func TestParseWithout(t *testing.T) {
	if got, err := ParseWithout([]string{"avx512", "amx", "avx512"}, "amd64"); err != nil ||
		!slices.Equal(got, []string{"amx", "avx512"}) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := ParseWithout([]string{"amx", "AVX512"}, "amd64"); err == nil ||
		!strings.Contains(hint.Of(err), "amx, amx_bf16,") || !strings.Contains(hint.Of(err), "sse42") {
		t.Errorf("an unknown name: %v, hint %q", err, hint.Of(err))
	}
	if _, err := ParseWithout([]string{"amx"}, "arm64"); err == nil || !strings.Contains(hint.Of(err), "dotprod, fp16") {
		t.Errorf("another processor's: %v", err)
	}
	if _, err := ParseWithout([]string{"amx"}, "riscv64"); err == nil {
		t.Error("a processor without sets")
	}
}

// Sets that need a left-out set go with it.
func TestWithout(t *testing.T) {
	const sapphireRapids = "__SSE4_2__ __AVX__ __F16C__ __FMA__ __BMI2__ __AVX2__ __AVX512F__ __AVX512CD__ " +
		"__AVX512VL__ __AVX512DQ__ __AVX512BW__ " +
		"__AVXVNNI__ __AVX512VBMI__ __AVX512VNNI__ __AVX512BF16__ __AMX_TILE__ __AMX_INT8__ __AMX_BF16__"
	const graviton4 = "__ARM_FEATURE_DOTPROD __ARM_FEATURE_FP16_VECTOR_ARITHMETIC __ARM_FEATURE_SVE " +
		"__ARM_FEATURE_MATMUL_INT8 __ARM_FEATURE_SVE2"
	for _, c := range []struct{ arch, macros, without, want string }{
		{"amd64", sapphireRapids, "amx", "SSE42 AVX F16C FMA BMI2 AVX2 AVX_VNNI AVX512 AVX512_VBMI AVX512_VNNI AVX512_BF16"},
		{"amd64", sapphireRapids, "amx_int8",
			"SSE42 AVX F16C FMA BMI2 AVX2 AVX_VNNI AVX512 AVX512_VBMI AVX512_VNNI AVX512_BF16 AMX_TILE AMX_BF16"},
		{"amd64", sapphireRapids, "avx512", "SSE42 AVX F16C FMA BMI2 AVX2 AVX_VNNI"},
		{"amd64", sapphireRapids, "avx512_vnni bmi2",
			"SSE42 AVX F16C FMA AVX2 AVX_VNNI AVX512 AVX512_VBMI AVX512_BF16 AMX_TILE AMX_INT8 AMX_BF16"},
		{"amd64", sapphireRapids, "fma", "SSE42 AVX F16C BMI2 AVX2 AVX_VNNI"},
		{"amd64", sapphireRapids, "avx", "SSE42 BMI2"},
		{"amd64", sapphireRapids, "sse42 bmi2", "generic amd64"},
		{"arm64", graviton4, "sve2", "armv8.6-a+dotprod+fp16+sve+i8mm"},
		{"arm64", graviton4, "i8mm", "armv8.2-a+dotprod+fp16+sve"},
		{"arm64", graviton4, "dotprod fp16", "armv8-a"},
	} {
		have := macros(c.macros)
		if _, got := nativeFlags(c.arch, have.without(strings.Fields(c.without), c.arch)); got != c.want {
			t.Errorf("without %s: %s, want %s", c.without, got, c.want)
		}
		if len(have) != len(strings.Fields(c.macros)) {
			t.Errorf("without %s: the macros themselves changed", c.without)
		}
	}
	for used, want := range map[string]string{"SSE42 AVX2 AVX512 AMX_TILE AMX_INT8": "amx,avx512",
		"SSE42 AVX2 AVX512": "avx512,avx2", "SSE42 AVX AVX2": "avx2",
		"armv8.6-a+dotprod+fp16+sve+i8mm": "sve,i8mm", "generic amd64": ""} {
		if got := withoutHint(used); got != want {
			t.Errorf("%s: --without %s, want %s", used, got, want)
		}
	}
	for _, f := range x86Features { // every option of ggml's has a name
		if _, ok := instructionSets["amd64"][strings.ToLower(strings.TrimPrefix(f.option, "GGML_"))]; !ok {
			t.Errorf("%s cannot be left out", f.option)
		}
	}
}
