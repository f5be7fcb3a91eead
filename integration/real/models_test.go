package real

import (
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

func TestSmolLM2Opens(t *testing.T) {
	testlevel.Real(t)
	file, err := gguf.Open(Need(t, "smollm2-135m"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	head, err := flashhead.FindHead(file)
	if err != nil {
		t.Fatal(err)
	}
	if head.Vocab() != 49152 || head.Width() != 576 || !head.Tied {
		t.Errorf("the head has %d rows of %d, tied %v", head.Vocab(), head.Width(), head.Tied)
	}
}
