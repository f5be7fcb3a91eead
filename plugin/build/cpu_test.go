package build

import (
	"runtime"
	"slices"
	"strings"
	"testing"
)

func macros(names string) Macros {
	m := Macros{}
	for _, n := range strings.Fields(names) {
		m[n] = "1"
	}
	return m
}

func TestNativeFlags(t *testing.T) {
	const haswell = "__SSE4_2__ __AVX__ __F16C__ __FMA__ __BMI2__ __AVX2__"
	const skylakeX = haswell + " __AVX512F__ __AVX512CD__ __AVX512VL__ __AVX512DQ__ __AVX512BW__"
	for _, c := range []struct{ name, arch, macros, on string }{
		{"plain x86-64", "amd64", "__SSE2__", ""},
		{"nehalem", "amd64", "__SSE4_2__", "SSE42"},
		{"haswell", "amd64", haswell, "SSE42 AVX F16C FMA BMI2 AVX2"},
		{"alder lake", "amd64", haswell + " __AVXVNNI__", "SSE42 AVX F16C FMA BMI2 AVX2 AVX_VNNI"},
		{"knights landing has too little AVX-512", "amd64", haswell + " __AVX512F__ __AVX512CD__",
			"SSE42 AVX F16C FMA BMI2 AVX2"},
		{"zen 4", "amd64", skylakeX + " __AVX512VBMI__ __AVX512VNNI__ __AVX512BF16__",
			"SSE42 AVX F16C FMA BMI2 AVX2 AVX512 AVX512_VBMI AVX512_VNNI AVX512_BF16"},
		{"sapphire rapids", "amd64",
			skylakeX + " __AVXVNNI__ __AVX512VBMI__ __AVX512VNNI__ __AVX512BF16__ __AMX_TILE__ __AMX_INT8__ __AMX_BF16__",
			"SSE42 AVX F16C FMA BMI2 AVX2 AVX_VNNI AVX512 AVX512_VBMI AVX512_VNNI AVX512_BF16 AMX_TILE AMX_INT8 AMX_BF16"},
		{"raspberry pi 4", "arm64", "__ARM_NEON", "armv8-a"},
		{"apple m1", "arm64", "__ARM_FEATURE_DOTPROD __ARM_FEATURE_FP16_VECTOR_ARITHMETIC", "armv8.2-a+dotprod+fp16"},
		{"graviton 3", "arm64",
			"__ARM_FEATURE_DOTPROD __ARM_FEATURE_FP16_VECTOR_ARITHMETIC __ARM_FEATURE_SVE __ARM_FEATURE_MATMUL_INT8",
			"armv8.6-a+dotprod+fp16+sve+i8mm"},
	} {
		t.Run(c.name, func(t *testing.T) {
			flags, summary := nativeFlags(c.arch, macros(c.macros))
			var on []string
			for _, f := range flags {
				if arch, ok := strings.CutPrefix(f, "-DGGML_CPU_ARM_ARCH="); ok {
					on = append(on, arch)
				} else if name, ok := strings.CutSuffix(f, "=ON"); ok {
					on = append(on, strings.TrimPrefix(name, "-DGGML_"))
				} else if !strings.HasSuffix(f, "=OFF") {
					t.Errorf("flag %q", f)
				}
			}
			if got := strings.Join(on, " "); got != c.on {
				t.Errorf("on: %q, want %q", got, c.on)
			}
			if c.on != "" && summary != c.on {
				t.Errorf("summary %q, want %q", summary, c.on)
			}
			// ggml switches AVX2 on unless it is told otherwise, which an older processor would not survive.
			if c.arch == "amd64" && len(flags) != len(x86Features) {
				t.Errorf("%d of %d options are named", len(flags), len(x86Features))
			}
		})
	}
	if flags, summary := nativeFlags("riscv64", macros("__riscv")); len(flags) != 0 || summary != "generic riscv64" {
		t.Errorf("riscv64: %v, %q", flags, summary)
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

func TestParseMacros(t *testing.T) {
	m := parseMacros("#define __AVX__ 1\n#define EMPTY\n#define TEXT a b c\nnonsense\n")
	want := Macros{"__AVX__": "1", "EMPTY": "", "TEXT": "a b c"}
	for name, value := range want {
		if got, ok := m[name]; !ok || got != value {
			t.Errorf("%s = %q, %v", name, got, ok)
		}
	}
	if len(m) != len(want) {
		t.Errorf("macros %v", m)
	}
}

func TestConfigureArgs(t *testing.T) {
	b := &Builder{Dir: "/b", Tools: Toolchain{Ninja: "/n", CC: Compiler{Path: "/cc"}, CXX: Compiler{Path: "/cxx"}}}
	args := b.configureArgs([]string{"-DGGML_AVX=ON"})
	for _, want := range []string{"/b/ollama/llama/server", "-DFETCHCONTENT_SOURCE_DIR_LLAMA_CPP=/b/llama.cpp",
		"-DOLLAMA_LLAMA_CPP_SKIP_COMPAT_PATCH=ON", "-DGGML_AVX=ON"} {
		if !slices.Contains(args, want) {
			t.Errorf("no %s in %v", want, args)
		}
	}
	launcher := "-DCMAKE_CXX_COMPILER_LAUNCHER=/ccache"
	if slices.Contains(args, launcher) {
		t.Error("ccache without ccache")
	}
	b.Tools.CXX.Launcher = "/ccache"
	if !slices.Contains(b.configureArgs(nil), launcher) {
		t.Error("ccache is not used")
	}
}
