package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

// headers has declarations in all forms that occur in ggml.
var headers = map[string]string{
	"ggml/include/ggml.h": `
		GGML_NORETURN GGML_ATTRIBUTE_FORMAT(3, 4)
		GGML_API void ggml_abort(const char * file, int line, const char * fmt, ...);
		GGML_API const struct ggml_type_traits * ggml_get_type_traits(enum ggml_type type);
		GGML_DEPRECATED(GGML_API bool ggml_old (void), "use ggml_new");
		// GGML_API void ggml_commented_out(void);
		static inline void ggml_inline(struct ggml_tensor * t) { ggml_called(t); }`,
	"ggml/include/gguf.h":         "GGML_API int64_t gguf_find_key(const struct gguf_context * ctx, const char * key);",
	"ggml/include/ggml-alloc.h":   "",
	"ggml/include/ggml-backend.h": "GGML_API enum ggml_status\n ggml_backend_graph_compute(ggml_backend_t backend);",
	"ggml/include/ggml-cpu.h":     "GGML_BACKEND_API void ggml_cpu_init(void);",
	"ggml/src/ggml-backend-impl.h": `GGML_API ggml_backend_buffer_t ggml_backend_buffer_init(
		ggml_backend_buffer_type_t buft);
		GGML_BACKEND_API ggml_backend_reg_t ggml_backend_init(void);`,
	"ggml/src/ggml-impl.h": "GGML_API void ggml_log_internal        (enum ggml_log_level level, const char * format, " +
		"...);",
}

func api(t *testing.T) map[string]bool {
	t.Helper()
	dir := t.TempDir()
	for name, text := range headers {
		plugintest.Write(t, filepath.Join(dir, name), text, 0o644)
	}
	api, err := ggmlAPI(dir)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func TestGGMLAPI(t *testing.T) {
	got := api(t)
	for _, name := range []string{"ggml_abort", "ggml_get_type_traits", "ggml_old", "gguf_find_key",
		"ggml_backend_graph_compute", "ggml_backend_buffer_init", "ggml_log_internal"} {
		if !got[name] {
			t.Errorf("%s is missing", name)
		}
		delete(got, name)
	}
	if len(got) > 0 {
		t.Errorf("not exported: %v", got)
	}
	if _, err := ggmlAPI(t.TempDir()); err == nil {
		t.Error("no headers, no error")
	}
}

// sharedObject compiles C.
func sharedObject(t *testing.T, name, source string, args ...string) string {
	t.Helper()
	cc, ok := toolCC.find()
	if !ok {
		t.Skip("no C compiler")
	}
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.Command(cc, append([]string{"-shared", "-fPIC", "-x", "c", "-", "-x", "none", "-o", path}, args...)...)
	cmd.Stdin = strings.NewReader(source)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return path
}

func TestCheckSymbols(t *testing.T) {
	if PluginPlatform() != nil {
		t.Skip("no ELF")
	}
	const sound = `#include <stdlib.h>
		void * ggml_backend_init(void) { extern void ggml_abort(void); ggml_abort(); return malloc(8); }
		int ggml_backend_score(void) { return 1; }`
	plant := func(symbol string) string {
		return sound + "\nstatic void * keep(void) { extern void " + symbol + "(void); " + symbol + `(); return 0; }
			void * (*kept)(void) __attribute__((visibility("hidden"))) = keep;`
	}
	foreign := sharedObject(t, "libforeign.so", "void foreign(void) { }", "-Wl,-soname,libforeign.so")
	for name, c := range map[string]struct {
		source string
		args   []string
		want   string
	}{
		"sound":              {sound, nil, ""},
		"declared":           {plant("gguf_find_key"), nil, ""},
		"not declared":       {plant("ggml_moved_away"), nil, "needs ggml_moved_away, which no header of ggml declares"},
		"of another backend": {plant("ggml_cpu_init"), nil, "needs ggml_cpu_init"},
		"forgotten source":   {plant("flash_head_select"), nil, "needs flash_head_select"},
		"more exports": {sound + "\nvoid other(void) { }", nil,
			`exports ["ggml_backend_init" "ggml_backend_score" "other"]`},
		"fewer exports":      {"int ggml_backend_score(void) { return 1; }", nil, `exports ["ggml_backend_score"]`},
		"of another library": {sound, []string{"-Wl,--no-as-needed", foreign}, "needs the library libforeign.so"},
		"empty":              {"", nil, "exports []"},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkSymbols(sharedObject(t, "lib.so", c.source, c.args...), pluginExports, api(t))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
	text := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(text, []byte("text"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := checkSymbols(text, nil, nil); err == nil {
		t.Error("a text file passed")
	}
}
