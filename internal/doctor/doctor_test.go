package doctor

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation/installationtest"
	"github.com/fh-ollama/fh-ollama/internal/server"
)

// nowhere is a host where nothing listens.
func nowhere() server.Server { return server.At(&url.URL{Scheme: "http", Host: "127.0.0.1:1"}) }

// withMap is a small model with a map of two clusters, of which the second may stay empty.
func withMap(t *testing.T, second uint32) string {
	f := gguftest.Model(64, 32)
	assignments := make([]uint32, 64)
	for i := range assignments {
		assignments[i] = second * uint32(i%2)
	}
	f.KVs = append(f.KVs,
		gguftest.V(flashhead.KeyVersion, uint32(1)), gguftest.V(flashhead.KeyClusterCount, uint32(2)),
		gguftest.V(flashhead.KeyAssignments, gguftest.A(assignments)), gguftest.V(flashhead.KeyProbeCount, uint32(1)),
		gguftest.V(flashhead.KeyCentroidType, "f16"))
	return gguftest.Write(t, "model.gguf", f.Bytes())
}

func TestFile(t *testing.T) {
	for name, c := range map[string]struct {
		path             string
		converted, sound bool
		shown            string
		problems         int
	}{
		"plain":   {gguftest.Write(t, "model.gguf", gguftest.Model(64, 32).Bytes()), false, false, "not converted", 0},
		"sound":   {withMap(t, 1), true, true, "sound, 2 clusters, 1 probes", 0},
		"damaged": {withMap(t, 0), true, false, "damaged", 1},
		"no GGUF": {gguftest.Write(t, "model.gguf", []byte("text")), false, false, "not usable", 1},
		"missing": {filepath.Join(t.TempDir(), "none.gguf"), false, false, "not usable", 1},
	} {
		var r Report
		r.file(c.path)
		if r.File.Converted != c.converted || r.File.Sound != c.sound || len(r.Problems) != c.problems {
			t.Errorf("%s: %+v, problems %v", name, *r.File, r.Problems)
		}
		if text := r.String(); !strings.Contains(text, c.path+": "+c.shown) {
			t.Errorf("%s: shown as\n%s", name, text)
		}
		if (r.Err() != nil) != (c.problems > 0) {
			t.Errorf("%s: error %v", name, r.Err())
		}
	}
}

func TestProblems(t *testing.T) {
	r, err := Examine(context.Background(), nowhere(), installationtest.New(t).Places, []string{t.TempDir()}, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Problems) != 2 || r.Server.Reachable || r.Library.Tool != "" {
		t.Fatalf("nothing is here, but: %+v", r.Problems)
	}
	text := r.String()
	for _, p := range r.Problems {
		if p.WayOut == "" || !strings.Contains(text, p.Cause) || !strings.Contains(text, p.WayOut) {
			t.Errorf("%q, %q is not in\n%s", p.Cause, p.WayOut, text)
		}
	}
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "2 things") {
		t.Errorf("error %v", err)
	}
	r.Problems = r.Problems[:1]
	if err := r.Err(); err == nil || err.Error() != r.Problems[0].Cause || hint.Of(err) != r.Problems[0].WayOut {
		t.Errorf("error of a single problem: %v", err)
	}
	if strings.Contains(r.String(), "wrong") {
		t.Error("a single problem is shown twice")
	}
}
