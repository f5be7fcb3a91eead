package trial

import (
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// What cannot be had on every machine: the words of the loader where a policy forbids. The rest is tried for real, in
// integration.
func TestPolicy(t *testing.T) {
	tried := Trial{LibDir: "/lib/ollama", Library: "/data/x.so"}
	for said, want := range map[string]string{
		"failed to map segment from shared object: Permission denied":       "a security policy",
		"cannot open shared object file: Operation not permitted":           "a security policy",
		"cannot apply additional memory protection after relocation":        "a security policy",
		"failed to map segment from shared object: Operation not permitted": "mounted noexec",
		"cannot open shared object file: Permission denied":                 "may not read",
		"cannot allocate memory in static TLS block":                        "cannot be loaded",
	} {
		l := &log{}
		l.Write([]byte("0.00.1 E load_backend: failed to load /data/x.so: /data/x.so: " + said + "\nmodel loaded\n"))
		err := tried.why(l)
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), said) || hint.Of(err) == "" {
			t.Errorf("%s: %v, %q", said, err, hint.Of(err))
		}
	}
}
