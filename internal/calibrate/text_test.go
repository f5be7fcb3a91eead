package calibrate

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
	"github.com/fh-ollama/fh-ollama/internal/sampletext"
)

func file(t *testing.T, data string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "some.txt")
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadText(t *testing.T) {
	plain, err := ReadText(nil)
	if err != nil || plain.Name != BuiltIn || len(plain.Kinds) != len(sampletext.Kinds()) || len(plain.SHA256) != 64 {
		t.Fatalf("%s, %d kinds, %s, %v", plain.Name, len(plain.Kinds), plain.SHA256, err)
	}
	own := file(t, "a short text, gr\xfc\xc3\x9fend\n")
	both, err := ReadText([]string{own, own})
	if err != nil || both.Name != "builtin, some.txt, some.txt" || both.SHA256 == plain.SHA256 ||
		!slices.Equal(both.Kinds[:len(plain.Kinds)], plain.Kinds) {
		t.Fatalf("%s, %d kinds, %v", both.Name, len(both.Kinds), err)
	}
	if got := both.Kinds[len(plain.Kinds)]; got != (Kind{"some.txt", "a short text, grßend\n", fileChunks, true}) {
		t.Errorf("%+v", got)
	}
	if again, err := ReadText([]string{own, own}); err != nil || again.SHA256 != both.SHA256 {
		t.Errorf("%s after %s, %v", again.SHA256, both.SHA256, err)
	}
	for want, path := range map[string]string{"no such file": filepath.Join(t.TempDir(), "none"),
		"is not a file": t.TempDir(), "zero bytes": file(t, "a\x00b")} {
		_, err := ReadText([]string{path})
		hinttest.Check(t, err, want)
	}
}

// TestLongTextFile has two parts of 3 MB: pieces come from both, and are whole characters.
func TestLongTextFile(t *testing.T) {
	got, err := ReadText([]string{file(t, strings.Repeat("é", 3<<19)+strings.Repeat("語", 1<<20))})
	if err != nil {
		t.Fatal(err)
	}
	data := got.Kinds[len(got.Kinds)-1].Data
	first, second := strings.Count(data, "é"), strings.Count(data, "語")
	if 2*first+3*second != len(data) || len(data) > pieces*pieceBytes || len(data) < pieces*(pieceBytes-6) {
		t.Errorf("%d and %d characters in %d bytes", first, second, len(data))
	}
	if share := float64(2*first) / float64(len(data)); share < 0.45 || share > 0.55 {
		t.Errorf("the first half has %.2f of the pieces", share)
	}
}
