package integration

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/sanitizertest"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// planted fakes another ggml: the plug-in looks these functions up in the process, so a library loaded before ggml
// answers. The op's name is that of a ggml with one more op.
const planted = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static const char * real(const char * name) {
    return ((const char * (*)(void)) dlsym(RTLD_NEXT, name))();
}

extern "C" const char * ggml_version(void) {
    const char * planted = getenv("PLANTED_VERSION");
    return planted ? planted : real("ggml_version");
}

extern "C" const char * ggml_commit(void) {
    const char * planted = getenv("PLANTED_COMMIT");
    return planted ? planted : real("ggml_commit");
}

extern "C" const char * ggml_op_name(int op) {
    typedef const char * name(int);
    const char * planted = getenv("PLANTED_OP_SHIFT");
    return ((name *) dlsym(RTLD_NEXT, "ggml_op_name"))(planted && op > 0 ? op - 1 : op);
}
`

// The plug-in in runtimes that are known, nearly known, unknown, or different from what they claim. If it cannot work,
// the model runs as without it.
func TestPluginInOtherHosts(t *testing.T) {
	testlevel.Long(t)
	h, texts := plugin(t), prompts(t, 4)
	library := filepath.Join(t.TempDir(), "planted.so")
	cmd := exec.Command(sanitizertest.Compiler(), "-x", "c++", "-", "-shared", "-fPIC", "-o", library, "-ldl")
	cmd.Stdin = strings.NewReader(planted)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	h.env = append(h.environment(nil), "LD_PRELOAD="+library)

	dense, _ := continuations(t, stock(t), converted(t), nil, texts)
	sparse, _ := continuations(t, plugin(t), converted(t), nil, texts, fewProbes)
	if slices.EqualFunc(sparse, dense, slices.Equal) {
		t.Fatal("so few probes choose the dense tokens: the comparison says little")
	}

	const (
		active  = "flash_head: active on CPU"
		near    = "is none of those that were tried; its checks at load are passed"
		foreign = "flash_head: the plug-in rests: it was not tried with this runtime's ggml 0.99.0 (commit 123456789)"
		shifted = "has other numbers of types or ops than the one that the plug-in was built for"
	)
	for name, c := range map[string]struct {
		env  []string
		want [][]int
		says []string
		not  []string
	}{
		"the pinned commit": {[]string{"PLANTED_COMMIT=0c1e570"}, sparse, []string{active}, []string{near, "rests"}},
		"an unknown commit": {[]string{"PLANTED_COMMIT=unknown"}, sparse, []string{active, near}, []string{"rests"}},
		"another commit":    {[]string{"PLANTED_COMMIT=123456789"}, sparse, []string{active, near}, []string{"rests"}},
		"another version": {[]string{"PLANTED_VERSION=0.99.0", "PLANTED_COMMIT=123456789"}, dense,
			[]string{foreign}, []string{active, near}},
		"another version, wanted": {[]string{"PLANTED_VERSION=0.99.0", "FLASHHEAD_ANY_HOST=1"}, sparse,
			[]string{active, near}, []string{"rests"}},
		"other numbers": {[]string{"PLANTED_OP_SHIFT=1"}, dense, []string{shifted}, []string{active, near}},
		"other numbers, wanted": {[]string{"PLANTED_OP_SHIFT=1", "PLANTED_VERSION=0.99.0", "FLASHHEAD_ANY_HOST=1"}, dense,
			[]string{shifted}, []string{active, near}},
		"a bad value": {[]string{"FLASHHEAD_ANY_HOST=yes"}, dense,
			[]string{"the plug-in rests: FLASHHEAD_ANY_HOST is neither 0 nor 1"}, []string{active}},
	} {
		t.Run(name, func(t *testing.T) {
			got, log := continuations(t, h, converted(t), nil, texts, append(c.env, fewProbes)...)
			sameTokens(t, name, got, c.want)
			for _, says := range c.says {
				if n := strings.Count(log, says); n != 1 {
					t.Errorf("the log says %d times %q:\n%s", n, says, end(log))
				}
			}
			for _, not := range c.not {
				if strings.Contains(log, not) {
					t.Errorf("the log says %q:\n%s", not, end(log))
				}
			}
		})
	}
}
