// Package ollama is the client of a running Ollama: its version, its models, and which of them have FlashHead.
package ollama

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/envconfig"
)

// Server is a running Ollama.
type Server struct {
	Client *api.Client
	Host   *url.URL
}

// FromEnvironment returns the server that OLLAMA_HOST names, by default the one on this machine.
func FromEnvironment() Server { return At(envconfig.ConnectableHost()) }

// At returns the server at host.
func At(host *url.URL) Server { return at(host, limits) }

func at(host *url.URL, limit func(*http.Request) time.Duration) Server {
	client := &http.Client{Transport: patience{http.DefaultTransport, limit}}
	return Server{Client: api.NewClient(host, client), Host: host}
}

// patchMark separates Ollama's version from ours in the version of a patched build.
const patchMark = "+flashhead."

// Version is the version of a server.
type Version struct {
	Ollama    string // e.g. "0.34.2"
	FlashHead string // version of the patch, "" for a stock build
}

// ParseVersion splits a server's version.
func ParseVersion(s string) Version {
	ollama, patch, _ := strings.Cut(s, patchMark)
	return Version{ollama, patch}
}

// Patched reports whether the server was built with FlashHead.
func (v Version) Patched() bool { return v.FlashHead != "" }

// Version asks the server for its version. Errors carry a hint.
func (s Server) Version(ctx context.Context) (Version, error) {
	v, err := s.Client.Version(ctx)
	if err != nil {
		return Version{}, s.explain(err)
	}
	if v == "" { // some other server that answers with JSON
		return Version{}, s.explain(api.StatusError{StatusCode: http.StatusNotFound, ErrorMessage: "it sends no version"})
	}
	return ParseVersion(v), nil
}
