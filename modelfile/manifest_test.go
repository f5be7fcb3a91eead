package modelfile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The further files of a model are in its manifest; layers of other kinds, and digests that are none, are not.
func TestParts(t *testing.T) {
	models := t.TempDir()
	digest := func(digit string) string { return strings.Repeat(digit, 64) }
	blob := func(digit string) string { return filepath.Join(models, "blobs", "sha256-"+digest(digit)) }
	layers := ""
	for _, l := range [][2]string{{"model", digest("1")}, {"template", digest("2")}, {"model", digest("3")},
		{"draft", digest("4")}, {"draft", digest("5")}, {"model", "../../" + digest("6")}} {
		layers += `,{"mediaType":"application/vnd.ollama.image.` + l[0] + `","digest":"sha256:` + l[1] + `"}`
	}
	path := filepath.Join(models, "manifests/registry.ollama.ai/library/split/1b")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(`{"layers":[`+layers[1:]+`]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, first string
		want        []string
	}{
		{"split:1b", blob("1"), []string{blob("1"), blob("3")}},
		{"SPLIT:1b", blob("1"), []string{blob("1"), blob("3")}},
		{"split:1b", blob("4"), []string{blob("4"), blob("5")}},
		{"split:1b", blob("7"), []string{blob("7")}},
		{"other:1b", blob("1"), []string{blob("1")}},
	} {
		if got := Parts(c.name, c.first); !slices.Equal(got, c.want) {
			t.Errorf("%s beginning with %s: %q, want %q", c.name, c.first, got, c.want)
		}
	}
}
