package doctor

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/flashhead/flashheadtest"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation/installationtest"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
)

// nowhere is a host where nothing listens.
func nowhere() ollama.Server { return ollama.At(&url.URL{Scheme: "http", Host: "127.0.0.1:1"}) }

// withMap is a small model with a map, which is damaged if it has one cluster only.
func withMap(t *testing.T, clusters uint32) string {
	return gguftest.Write(t, "model.gguf", flashheadtest.File(clusters).Bytes())
}

func TestFile(t *testing.T) {
	for name, c := range map[string]struct {
		path             string
		converted, sound bool
		shown            string
		problems         int
	}{
		"plain":   {gguftest.Write(t, "model.gguf", gguftest.Model(64, 32).Bytes()), false, false, "not converted", 0},
		"sound":   {withMap(t, 2), true, true, "sound, 2 clusters, 1 probes", 0},
		"damaged": {withMap(t, 1), true, false, "damaged", 1},
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
	r, err := Examine(context.Background(), nowhere(), installationtest.New(t).Places, []string{t.TempDir()},
		bundle.Bundle{})
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

// A server that wants a login, or is another program, is there, and the doctor does not say that nobody is.
func TestRefusingServer(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
		_ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer s.Close()
	host, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Examine(context.Background(), ollama.At(host), installationtest.New(t).Places, []string{t.TempDir()},
		bundle.Bundle{})
	if err != nil {
		t.Fatal(err)
	}
	text := r.String()
	if strings.Contains(text, "not reachable") || strings.Contains(text, "no Ollama answers") ||
		!strings.Contains(text, "wants a login: 401") || !r.Server.Refuses {
		t.Error(text)
	}
}

// What a device can do is said for types of weights, and for the file's own head.
func TestDevicesAreShown(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		device native.Device
		want   string
	}{
		{native.Device{Name: "CPU", Weights: []string{"f16", "q8_0"}, FlashHead: true},
			"CPU (): FlashHead for all types of weights"},
		{native.Device{Name: "CUDA0", Weights: []string{"f16", "q8_0"}, DenseWeights: []string{"iq1_s"}, Head: &yes},
			"CUDA0 (): FlashHead for all types of weights but iq1_s; for the head of this file"},
		{native.Device{Name: "CUDA0", Weights: []string{"f16"}, DenseWeights: []string{"iq1_s", "q2_K"}, Head: &no},
			"CUDA0 (): FlashHead for f16; not for the head of this file, which runs dense"},
		{native.Device{Name: "Vulkan0", DenseWeights: []string{"f16"}, Head: &no}, "Vulkan0 (): no FlashHead, runs dense"},
	} {
		r := Report{Library: Library{Devices: []native.Device{c.device}}}
		if text := r.String(); !strings.Contains(text, c.want+"\n") {
			t.Errorf("%+v is shown as\n%s", c.device, text)
		}
	}
	r := Report{Library: Library{Folders: []native.Folder{{Name: "cuda_v13"}, {Name: "vulkan", Devices: 1}}}}
	if text := r.String(); !strings.Contains(text, "none in cuda_v13") || strings.Contains(text, "vulkan") {
		t.Errorf("folders are shown as\n%s", text)
	}
}

// The devices are asked about the head of the file only if the runtime would use its keys.
func TestHeadOfFile(t *testing.T) {
	var r Report
	if head := r.file(withMap(t, 1)); head != nil {
		t.Errorf("damaged: %+v", head)
	}
	want := native.HeadShape{Type: "f32", Columns: 32, Rows: 64, Clusters: 2, CentroidType: "f16"}
	if head := r.file(withMap(t, 2)); head == nil || *head != want {
		t.Errorf("%+v, want %+v", head, want)
	}
}
