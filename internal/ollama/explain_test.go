package ollama

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Whatever answers, the error says what it is, and not that nothing answers.
func TestAnswersThatAreNone(t *testing.T) {
	page := "<html>\n<h1>Go away</h1>\n</html>"
	for name, c := range map[string]struct {
		status     int
		body       string
		cause, way string
	}{
		"password": {401, page, "wants a login: 401 Unauthorized", "a proxy before it asks for a password"},
		"sign in": {401, `{"error":"unauthorized","signin_url":"https://x"}`,
			"wants a login: 401 Unauthorized", "`ollama signin`"},
		"host name": {403, "", "or a proxy before it, refuses: 403 Forbidden", "IP address"},
		"refused":   {403, `{"error":"not for you"}`, "refuses: 403 Forbidden: not for you", "another"},
		"other server": {404, "404 page not found",
			"is not an Ollama, or a very old one: 404 Not Found: 404 page not found", "set OLLAMA_HOST"},
		"page":             {200, page, "is not an Ollama: invalid character '<'", "set OLLAMA_HOST"},
		"other JSON":       {200, `{"name":"x"}`, "is not an Ollama", "set OLLAMA_HOST"},
		"another form":     {200, `[1]`, "is not an Ollama: json: cannot unmarshal", "set OLLAMA_HOST"},
		"gateway":          {502, page, "a proxy before the Ollama at", "NO_PROXY"},
		"proxy's password": {407, "", "answers 407 Proxy Authentication Required", "NO_PROXY"},
		"busy": {503, `{"error":"server busy, please try again"}`,
			"answers 503 Service Unavailable: server busy, please try again", "log"},
		"broken": {500, `{"error":"disk full\nand so on"}`, "answers 500 Internal Server Error: disk full", "log"},
		"speaks https": {400, "Client sent an HTTP request to an HTTPS server.\n", "400 Bad Request: Client sent",
			"write https://"},
		"talks a great deal": {500, strings.Repeat("x", 5000), strings.Repeat("x", 200) + "…", "log"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			io.WriteString(w, c.body)
		}))
		host, _ := url.Parse(server.URL)
		_, err := At(host).Version(context.Background())
		server.Close()
		if err == nil || !strings.Contains(err.Error(), c.cause) || !strings.Contains(hint.Of(err), c.way) ||
			!strings.Contains(err.Error(), server.URL) {
			t.Errorf("%s: %v\n  %s", name, err, hint.Of(err))
			continue
		}
		if !Answered(err) {
			t.Errorf("%s: nobody answered", name)
		}
		if text := err.Error(); strings.Contains(text, "no Ollama answers") || strings.ContainsAny(text, "\n") ||
			len(text) > 400 {
			t.Errorf("%s: %q", name, text)
		}
	}
}

func TestWrongScheme(t *testing.T) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"version":"0.34.2"}`) })
	open, closed := httptest.NewServer(answer), httptest.NewUnstartedServer(answer)
	closed.Config.ErrorLog = log.New(io.Discard, "", 0)
	closed.StartTLS()
	defer open.Close()
	defer closed.Close()
	for address, way := range map[string]string{
		"https" + strings.TrimPrefix(open.URL, "http"):   "write http://",
		"http" + strings.TrimPrefix(closed.URL, "https"): "write https://",
		closed.URL: "SSL_CERT_FILE",
	} {
		host, _ := url.Parse(address)
		_, err := At(host).Version(context.Background())
		if err == nil || !strings.Contains(hint.Of(err), way) {
			t.Errorf("%s: %v\n  %s", address, err, hint.Of(err))
		}
	}
}

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
