package ollama

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// short is the patience of these tests.
const short = time.Second

func impatient(t *testing.T, address string) Server {
	t.Helper()
	host, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return at(host, func(*http.Request) time.Duration { return short })
}

// silence takes connections and never answers.
func silence(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			defer connection.Close()
		}
	}()
	return "http://" + listener.Addr().String()
}

func wantSilent(t *testing.T, what string, begun time.Time, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), "does not answer: nothing came for 1s") ||
		!strings.Contains(hint.Of(err), "it hangs") {
		t.Errorf("%s: %v\n  %s", what, err, hint.Of(err))
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("%s: it took %s", what, took)
	}
}

// A server that takes the call and says nothing is given up, whatever it was asked.
func TestSilentServer(t *testing.T) {
	s, ctx, begun := impatient(t, silence(t)), context.Background(), time.Now()
	_, err := s.Version(ctx)
	wantSilent(t, "version", begun, err)
	_, err = s.Converted(ctx)
	wantSilent(t, "models", begun, err)
	_, err = s.Show(ctx, "some:model")
	wantSilent(t, "show", begun, err)
	err = s.Vanished(s.Client.Create(ctx, &api.CreateRequest{Model: "m"}, func(api.ProgressResponse) error { return nil }))
	wantSilent(t, "create", begun, err)
	err = s.Vanished(s.Client.CreateBlob(ctx, "sha256:0", strings.NewReader("x")))
	wantSilent(t, "upload", begun, err)

	ctx, cancel := context.WithCancel(ctx)
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := s.Version(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
}

// A server that falls silent in the middle of an answer is given up, too.
func TestSilentAnswer(t *testing.T) {
	release := make(chan struct{})
	stuck := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"status":"reading"}`+"\n")
		w.(http.Flusher).Flush()
		<-release
	}))
	defer stuck.Close()
	defer close(release)
	s, begun, said := impatient(t, stuck.URL), time.Now(), 0
	err := s.Vanished(s.Client.Create(context.Background(), &api.CreateRequest{Model: "m"},
		func(api.ProgressResponse) error {
			said++
			return nil
		}))
	wantSilent(t, "create", begun, err)
	if said != 1 {
		t.Errorf("%d lines came before", said)
	}
}

// What takes longer than the limit, but goes on, is not given up: an upload, and an answer that comes line by line.
func TestSlowIsNotSilent(t *testing.T) {
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		for range 8 {
			io.WriteString(w, `{"status":"working"}`+"\n")
			w.(http.Flusher).Flush()
			time.Sleep(short / 4)
		}
	}))
	defer slow.Close()
	s := impatient(t, slow.URL)
	if err := s.Client.Create(context.Background(), &api.CreateRequest{Model: "m"},
		func(api.ProgressResponse) error { return nil }); err != nil {
		t.Errorf("a slow answer: %v", err)
	}
	if err := s.Client.CreateBlob(context.Background(), "sha256:0", &dripping{left: 8}); err != nil {
		t.Errorf("a slow upload: %v", err)
	}
}

// dripping is a source of a few bytes that take their time.
type dripping struct{ left int }

func (d *dripping) Read(p []byte) (int, error) {
	if d.left--; d.left < 0 {
		return 0, io.EOF
	}
	time.Sleep(short / 4)
	return copy(p, bytes.Repeat([]byte("x"), 10)), nil
}

// The program waits less for a question than for what works on a whole model.
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
