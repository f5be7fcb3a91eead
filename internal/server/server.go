// Package server is what this program asks of the Ollama that answers at OLLAMA_HOST: is it there, is it patched,
// which of its models have FlashHead, and where the weights of a model lie.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/envconfig"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Server is a running Ollama.
type Server struct {
	Client *api.Client
	Host   *url.URL
}

// FromEnvironment returns the server that OLLAMA_HOST names, by default the one on this machine.
func FromEnvironment() Server { return At(envconfig.ConnectableHost()) }

// At returns the server at host.
func At(host *url.URL) Server {
	return Server{Client: api.NewClient(host, http.DefaultClient), Host: host}
}

// patchMark separates Ollama's version from ours in the version of a patched build.
const patchMark = "+flashhead."

// Version is what a server says it is.
type Version struct {
	Ollama    string // e.g. "0.34.2"
	FlashHead string // version of the patch, "" for a stock build
}

// ParseVersion splits a server's version.
func ParseVersion(s string) Version {
	ollama, patch, _ := strings.Cut(s, patchMark)
	return Version{ollama, patch}
}

// Patched tells whether the server was built with FlashHead.
func (v Version) Patched() bool { return v.FlashHead != "" }

// Version asks the server for its version. An unreachable server is an error with a way out.
func (s Server) Version(ctx context.Context) (Version, error) {
	v, err := s.Client.Version(ctx)
	if err != nil {
		return Version{}, s.explain(err)
	}
	return ParseVersion(v), nil
}

// Vanished gives the error of a request that changes the server a way out if the server ended meanwhile; others it leaves
// alone.
func (s Server) Vanished(err error) error {
	var transport *url.Error
	if errors.Is(err, context.Canceled) || !errors.As(err, &transport) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return hint.Wrap(fmt.Errorf("the Ollama at %s is gone: %w", s.Host, err),
		"start it again with `ollama serve`, then run the same command again: it goes on from what is done")
}

// explain gives errors of connecting a way out; others it leaves alone.
func (s Server) explain(err error) error {
	var status api.StatusError
	if errors.As(err, &status) || errors.Is(err, context.Canceled) {
		return err
	}
	var transport *url.Error
	if errors.As(err, &transport) {
		err = transport.Err // the host is named below, the path says nothing
	}
	return hint.Wrap(fmt.Errorf("no Ollama answers at %s: %w", s.Host, err),
		"start it with `ollama serve`, or set OLLAMA_HOST to where it runs")
}
