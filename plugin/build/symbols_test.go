package build

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

// testAPI is what headers of ggml declare, in all forms that occur there.
func testAPI(t *testing.T) map[string]bool {
	t.Helper()
	dir := t.TempDir()
	for _, name := range ggmlHeaders {
		plugintest.Write(t, filepath.Join(dir, name), "", 0o644)
	}
	plugintest.Write(t, filepath.Join(dir, ggmlHeaders[0]), `
		GGML_NORETURN GGML_ATTRIBUTE_FORMAT(3, 4)
		GGML_API void ggml_abort(const char * file, int line, const char * fmt, ...);
		GGML_DEPRECATED(GGML_API bool ggml_old (void), "use ggml_new");
		// GGML_API void ggml_commented_out(void);
		static inline void ggml_inline(struct ggml_tensor * t) { ggml_called(t); }
		GGML_API enum ggml_status
		 ggml_graph_compute(ggml_backend_t backend);
		GGML_BACKEND_API void ggml_cpu_init(void);`, 0o644)
	api, err := ggmlAPI(dir)
	if err != nil {
		t.Fatal(err)
	}
	return api
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
	if pluginPlatform() != nil {
		t.Skip("no ELF")
	}
	const sound = `#include <stdlib.h>
		void * ggml_backend_init(void) { extern void ggml_abort(void); ggml_abort(); return malloc(8); }
		int ggml_backend_score(void) { return 1; }`
	plant := func(symbol string) string {
		return sound + "\nstatic void * keep(void) { extern void " + symbol + "(void); " + symbol + `(); return 0; }
			void * (*kept)(void) __attribute__((visibility("hidden"))) = keep;`
	}
	api := testAPI(t)
	foreign := sharedObject(t, "libforeign.so", "void foreign(void) { }", "-Wl,-soname,libforeign.so")
	for name, c := range map[string]struct {
		source string
		args   []string
		want   string
	}{
		"sound":              {sound, nil, ""},
		"deprecated":         {plant("ggml_old"), nil, ""},
		"in two lines":       {plant("ggml_graph_compute"), nil, ""},
		"commented out":      {plant("ggml_commented_out"), nil, "needs ggml_commented_out, which no header"},
		"called in a header": {plant("ggml_called"), nil, "needs ggml_called"},
		"of another backend": {plant("ggml_cpu_init"), nil, "needs ggml_cpu_init"},
		"more exports": {sound + "\nvoid other(void) { }", nil,
			`exports ["ggml_backend_init" "ggml_backend_score" "other"]`},
		"fewer exports":      {"int ggml_backend_score(void) { return 1; }", nil, `exports ["ggml_backend_score"]`},
		"of another library": {sound, []string{"-Wl,--no-as-needed", foreign}, "needs the library libforeign.so"},
	} {
		t.Run(name, func(t *testing.T) {
			err := checkSymbols(sharedObject(t, "lib.so", c.source, c.args...), pluginExports, api)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
