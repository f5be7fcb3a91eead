package calibrate

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
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
	short := "a short text, gr\xfcßend\n"
	got, err := ReadText(file(t, short))
	sum := sha256.Sum256([]byte(short))
	if err != nil || got.Name != "some.txt" || !slices.Equal(got.Kinds, []Kind{{"some.txt", "a short text, grßend\n"}}) ||
		got.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := ReadText(BuiltIn); err != nil || got.Name != BuiltIn || len(got.Kinds) != len(sampletext.Kinds()) ||
		len(got.SHA256) != 64 {
		t.Errorf("%d kinds, %s, %v", len(got.Kinds), got.SHA256, err)
	}
	for want, path := range map[string]string{"no such file": filepath.Join(t.TempDir(), "none"),
		"is not a file": t.TempDir(), "zero bytes": file(t, "a\x00b")} {
		if _, err := ReadText(path); err == nil || !strings.Contains(err.Error(), want) || hint.Of(err) == "" {
			t.Errorf("%v, way out %q, want %q", err, hint.Of(err), want)
		}
	}
}

// TestLongTextFile has two parts of 3 MB: pieces come from both, and are whole characters.
func TestLongTextFile(t *testing.T) {
	got, err := ReadText(file(t, strings.Repeat("é", 3<<19)+strings.Repeat("語", 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	first, second := strings.Count(got.Kinds[0].Data, "é"), strings.Count(got.Kinds[0].Data, "語")
	if 2*first+3*second != len(got.Kinds[0].Data) || len(got.Kinds[0].Data) > pieces*pieceBytes || len(got.Kinds[0].Data) < pieces*(pieceBytes-6) {
		t.Errorf("%d and %d characters in %d bytes", first, second, len(got.Kinds[0].Data))
	}
	if share := float64(2*first) / float64(len(got.Kinds[0].Data)); share < 0.45 || share > 0.55 {
		t.Errorf("the first half has %.2f of the pieces", share)
	}
}
