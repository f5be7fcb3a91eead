package ollama

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

const limit = 300 * time.Millisecond

func impatient(host *url.URL, limit time.Duration) Server {
	return at(host, func(*http.Request) time.Duration { return limit })
}

func wantSilent(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "does not answer: nothing came for 300ms") ||
		!strings.Contains(hint.Of(err), "it hangs") {
		t.Errorf("%s: %v\n  %s", what, err, hint.Of(err))
	}
}

func noProgress(api.ProgressResponse) error { return nil }

// A server that accepts connections and says nothing is given up, whatever it was asked.
func TestSilentServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts, nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	host := &url.URL{Scheme: "http", Host: listener.Addr().String()}
	s, ctx := impatient(host, limit), context.Background()
	_, err = s.Version(ctx)
	wantSilent(t, "version", err)
	_, err = s.Converted(ctx)
	wantSilent(t, "models", err)
	_, err = s.Show(ctx, "some:model")
	wantSilent(t, "show", err)
	wantSilent(t, "create", s.Vanished(s.Client.Create(ctx, &api.CreateRequest{Model: "m"}, noProgress)))
	wantSilent(t, "upload", s.Vanished(s.Client.CreateBlob(ctx, "sha256:0", strings.NewReader("x"))))

	ctx, cancel := context.WithCancel(ctx)
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := impatient(host, time.Hour).Version(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// transport reads the request's body and answers with body. Like http.Transport it stops when the request is cancelled.
type transport struct{ body io.Reader }

func (a transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil || r.Context().Err() != nil {
		return nil, errors.Join(err, r.Context().Err())
	}
	body, w := io.Pipe()
	context.AfterFunc(r.Context(), func() { w.CloseWithError(r.Context().Err()) })
	go func() {
		_, err := io.Copy(w, a.body)
		w.CloseWithError(err)
	}()
	return &http.Response{StatusCode: http.StatusOK, Body: body, Request: r}, nil
}

// A server that falls silent in the middle of an answer is given up, too.
func TestSilentAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body, server := io.Pipe()
		defer server.Close()
		go io.WriteString(server, `{"status":"reading"}`+"\n")
		host := &url.URL{Scheme: "http", Host: "host"}
		client := &http.Client{Transport: patience{transport{body}, func(*http.Request) time.Duration { return limit }}}
		s, lines := Server{Client: api.NewClient(host, client), Host: host}, 0
		err := s.Vanished(s.Client.Create(t.Context(), &api.CreateRequest{Model: "m"}, func(api.ProgressResponse) error {
			lines++
			return nil
		}))
		wantSilent(t, "create", err)
		if lines != 1 {
			t.Errorf("%d lines came before", lines)
		}
	})
}

// Uploads and answers that take longer than the limit, but make progress, are not given up.
func TestSlowIsNotSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := patience{transport{&dripping{8}}, func(*http.Request) time.Duration { return limit }}
		r, err := http.NewRequest(http.MethodPost, "http://host/", &dripping{8})
		if err != nil {
			t.Fatal(err)
		}
		response, err := p.RoundTrip(r)
		if err != nil {
			t.Fatalf("a slow upload: %v", err)
		}
		defer response.Body.Close()
		if text, err := io.ReadAll(response.Body); err != nil || len(text) != 8 {
			t.Errorf("a slow answer: %q, %v", text, err)
		}
	})
}

// dripping yields left bytes slowly.
type dripping struct{ left int }

func (d *dripping) Read(p []byte) (int, error) {
	if d.left--; d.left < 0 {
		return 0, io.EOF
	}
	time.Sleep(limit / 2)
	return copy(p, "x"), nil
}

// Questions have shorter limits than work on a whole model.
func TestLimits(t *testing.T) {
	of := func(method, path string) time.Duration {
		return limits(httptest.NewRequest(method, "http://host/prefix"+path, nil))
	}
	version, show, list, create, upload := of("GET", "/api/version"), of("POST", "/api/show"), of("GET",
		"/api/tags"), of("POST", "/api/create"), of("POST", "/api/blobs/sha256:0")
	if version > 15*time.Second || show > time.Minute || list > time.Minute || create < 5*time.Minute ||
		upload < 5*time.Minute {
		t.Error(version, show, list, create, upload)
	}
}
