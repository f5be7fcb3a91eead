package ollama

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]Version{
		"0.34.2":                       {"0.34.2", ""},
		"0.34.2+flashhead.0.1.0":       {"0.34.2", "0.1.0"},
		"0.35.0-rc1+flashhead.0.2.0-a": {"0.35.0-rc1", "0.2.0-a"},
	} {
		got := ParseVersion(text)
		if got != want || got.Patched() != (want.FlashHead != "") {
			t.Errorf("ParseVersion(%q) = %+v, patched %v", text, got, got.Patched())
		}
	}
}

func TestUnreachable(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	host, _ := url.Parse(s.URL)
	s.Close()
	_, err := At(host).Version(context.Background())
	if err == nil || !strings.Contains(err.Error(), "no Ollama answers at "+host.String()) ||
		!strings.Contains(hint.Of(err), "ollama serve") {
		t.Errorf("%v, %q", err, hint.Of(err))
	}
	if Answered(err) {
		t.Error("it counts as an answer")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := At(host).Version(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}
