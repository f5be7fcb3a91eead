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

// patience cancels requests that make no progress. A request may take any time while bytes flow in either direction, as
// in an upload of many gigabytes.
type patience struct {
	next  http.RoundTripper
	limit func(*http.Request) time.Duration // how long a request may be silent
}

// silent is the error of a request that made no progress.
type silent struct{ limit time.Duration }

func (e silent) Error() string { return fmt.Sprintf("nothing came for %s", e.limit) }

// limits returns how long a request may be silent. Questions are quick unless the disk is slow; for the others the
// server may read a whole model.
func limits(r *http.Request) time.Duration {
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/api/version"):
		return 10 * time.Second
	case r.Method == http.MethodGet, r.Method == http.MethodHead, strings.HasSuffix(path, "/api/show"):
		return 30 * time.Second
	}
	return 10 * time.Minute
}

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

// explain returns silent if that is why the request failed, else err.
func (w *watch) explain(err error) error {
	var given silent
	if errors.As(context.Cause(w.ctx), &given) {
		return given
	}
	return err
}

// watched is a body whose bytes count as progress.
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
