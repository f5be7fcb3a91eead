package evaluation

import (
	"os"
	"testing"
	"unicode/utf8"

	"github.com/fh-ollama/fh-ollama/internal/sampletext"
)

func TestBuiltInText(t *testing.T) {
	if n := len(sampletext.Mixed); n < 25_000 || n > 40_000 || !utf8.Valid(sampletext.Mixed) {
		t.Errorf("%d bytes", n)
	}
	s, err := newScratch()
	if err != nil {
		t.Fatal(err)
	}
	path, text, err := openText("", s)
	if err != nil || text.Name != "built-in" || len(text.SHA256) != 64 {
		t.Errorf("%+v, %v", text, err)
	}
	if written, err := os.ReadFile(path); err != nil || string(written) != string(sampletext.Mixed) {
		t.Errorf("the runtime gets another text: %v", err)
	}
	s.remove()
	if _, err := os.Stat(s.dir.Path); err == nil {
		t.Error("the folder is left")
	}
}
