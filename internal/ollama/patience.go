package ollama

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// patience ends requests that make no progress. A request may take as long as it likes while bytes go one way or the
// other: an upload of many gigabytes does, a server that hangs does not.
type patience struct {
	next  http.RoundTripper
	limit func(*http.Request) time.Duration // how long a request may be silent
}

// silent is the error of a request that was given up.
type silent struct{ limit time.Duration }

func (e silent) Error() string { return fmt.Sprintf("nothing came for %s", e.limit) }

// limits are how long a server may take. It answers a question at once, unless its disk is slow; what changes it may
// read a whole model meanwhile.
func limits(r *http.Request) time.Duration {
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/api/version"):
		return 10 * time.Second
	case r.Method == http.MethodGet, r.Method == http.MethodHead, strings.HasSuffix(path, "/api/show"):
		return 30 * time.Second
	}
	return 10 * time.Minute
}

// RoundTrip implements http.RoundTripper.
func (p patience) RoundTrip(r *http.Request) (*http.Response, error) {
	limit := p.limit(r)
	ctx, cancel := context.WithCancelCause(r.Context())
	w := &watch{limit: limit, ctx: ctx, timer: time.AfterFunc(limit, func() { cancel(silent{limit}) })}
	w.stop = func() { w.timer.Stop(); cancel(nil) }

	r = r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = watched{r.Body, w, r.Body.Close}
	}
	response, err := p.next.RoundTrip(r)
	if err != nil {
		err = w.explain(err)
		w.stop()
		return nil, err
	}
	w.timer.Reset(limit)
	body := response.Body
	response.Body = watched{body, w, func() error {
		defer w.stop()
		return body.Close()
	}}
	return response, nil
}

// watch is the clock of one request.
type watch struct {
	limit time.Duration
	ctx   context.Context
	timer *time.Timer
	stop  func()
}

// explain returns why the request failed with err: because it was given up, or for a reason of its own.
func (w *watch) explain(err error) error {
	var given silent
	if errors.As(context.Cause(w.ctx), &given) {
		return given
	}
	return err
}

// watched is a body of which every byte that passes counts as progress.
type watched struct {
	io.Reader
	watch *watch
	close func() error
}

func (b watched) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if n > 0 {
		b.watch.timer.Reset(b.watch.limit)
	}
	if err != nil && err != io.EOF {
		err = b.watch.explain(err)
	}
	return n, err
}

func (b watched) Close() error { return b.close() }
