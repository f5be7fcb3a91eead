package ollama

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Vanished adds a hint to the error of a request that changes something: the server is gone, hangs or refuses.
func (s Server) Vanished(err error) error {
	var transport *url.Error
	if err = s.explainAnswer(err); err == nil || hint.Of(err) != "" || isCanceled(err) {
		return err
	}
	if !errors.As(err, &transport) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return hint.Wrap(fmt.Errorf("the Ollama at %s is gone: %w", s.Host, err),
		"start it again with `ollama serve`, then run the same command again: it continues where it stopped")
}

// explain adds a hint to the error of a question: nothing answers, or something other than an answer comes.
func (s Server) explain(err error) error {
	if err = s.explainAnswer(err); hint.Of(err) != "" || isCanceled(err) {
		return err
	}
	const start = "start it with `ollama serve`, or set OLLAMA_HOST to where it runs"
	way := start
	var transport *url.Error
	if errors.As(err, &transport) {
		err = transport.Err // without the URL, which is named below
		switch text := err.Error(); {
		case strings.Contains(text, "HTTP response to HTTPS client"):
			way = "it speaks http: write http:// in OLLAMA_HOST"
		case strings.Contains(text, "x509:"):
			way = "make this machine trust the authority that signed its certificate, for example with SSL_CERT_FILE"
		case strings.HasPrefix(text, "proxyconnect"), strings.HasPrefix(text, "Proxy"):
			way = "HTTP_PROXY or HTTPS_PROXY names a proxy: add the host to NO_PROXY to bypass it"
		}
	}
	return hint.Wrap(fmt.Errorf("no Ollama answers at %s: %w", s.Host, err), way)
}

// explainAnswer adds a hint if something answered or at least accepted the connection. It leaves other errors alone.
func (s Server) explainAnswer(err error) error {
	var given silent
	var login api.AuthorizationError
	var status api.StatusError
	var syntax *json.SyntaxError
	var form *json.UnmarshalTypeError
	switch {
	case err == nil || hint.Of(err) != "" || isCanceled(err):
		return err
	case errors.As(err, &given):
		return hint.Wrap(fmt.Errorf("the Ollama at %s does not answer: %w", s.Host, given),
			"it hangs or has too much to do: see its log and start it again, or set OLLAMA_HOST to another")
	case errors.As(err, &login):
		way := "a proxy before it asks for a password: set OLLAMA_HOST to the Ollama behind the proxy"
		if login.SigninURL != "" {
			way = "sign in with `ollama signin`"
		}
		return hint.Wrap(fmt.Errorf("the Ollama at %s wants a login: 401 Unauthorized%w", s.Host, silently{err}), way)
	case errors.As(err, &status):
		return s.explainStatus(status, err)
	case errors.As(err, &syntax), errors.As(err, &form):
		return hint.Wrap(fmt.Errorf("what answers at %s is not an Ollama: %w", s.Host, err),
			"set OLLAMA_HOST to where one runs")
	}
	return err
}

func (s Server) explainStatus(status api.StatusError, err error) error {
	answer, text := strings.TrimSpace(fmt.Sprintf("%d %s", status.StatusCode,
		http.StatusText(status.StatusCode))), oneLine(status.ErrorMessage)
	if text != "" {
		answer += ": " + text
	}
	cause, way := "the Ollama at %s answers %s%w", "the server's log says more"
	switch code := status.StatusCode; {
	case code == http.StatusForbidden && text != "":
		cause, way = "the Ollama at %s refuses: %s%w", "set OLLAMA_HOST to another, or ask who runs it"
	case code == http.StatusForbidden: // Ollama's bare answer to a host name that it does not know
		cause = "the Ollama at %s, or a proxy before it, refuses: %s%w"
		way = "set OLLAMA_HOST to the IP address of its machine; add that to NO_PROXY to bypass a proxy"
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed:
		cause, way = "what answers at %s is not an Ollama, or a very old one: %s%w", "set OLLAMA_HOST to where one runs"
	case code == http.StatusProxyAuthRequired, code == http.StatusBadGateway, code == http.StatusGatewayTimeout,
		code == http.StatusServiceUnavailable && text == "":
		cause = "a proxy before the Ollama at %s answers %s%w"
		way = "check that Ollama runs behind it; add the host to NO_PROXY to bypass it"
	case code == http.StatusBadRequest && strings.Contains(text, "HTTPS"): // the answer of TLS servers
		way = "it speaks https: write https:// in OLLAMA_HOST"
	}
	return hint.Wrap(fmt.Errorf(cause, s.Host, answer, silently{err}), way)
}

// Answered reports whether err is a server's answer, so that there is a server.
func Answered(err error) bool {
	var login api.AuthorizationError
	var status api.StatusError
	var syntax *json.SyntaxError
	var form *json.UnmarshalTypeError
	return errors.As(err, &login) || errors.As(err, &status) || errors.As(err, &syntax) || errors.As(err, &form)
}

func isCanceled(err error) bool { return errors.Is(err, context.Canceled) }

// silently keeps an error in the chain without its text.
type silently struct{ error }

func (silently) Error() string   { return "" }
func (e silently) Unwrap() error { return e.error }

// oneLine returns the start of a message, "" for an HTML page.
func oneLine(text string) string {
	const most = 200
	text, _, _ = strings.Cut(strings.TrimSpace(text), "\n")
	if strings.HasPrefix(text, "<") {
		return ""
	}
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strings.TrimSpace(text)
}
