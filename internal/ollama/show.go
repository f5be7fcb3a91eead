package ollama

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/ollama/ollama/api"
	"github.com/ollama/ollama/types/model"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Show returns what the server knows about the model name. Models whose weights are not GGUF files on the server's
// machine are errors, with a hint.
func (s Server) Show(ctx context.Context, name string) (*api.ShowResponse, error) {
	cloud := hint.New(name+" runs in the cloud, its weights are not here", "choose a model that is stored on this machine")
	if tag := strings.ToLower(model.ParseName(name).Tag); tag == "cloud" || strings.HasSuffix(tag, "-cloud") {
		return nil, cloud // the server would ask for a login
	}
	show, err := s.Client.Show(ctx, &api.ShowRequest{Model: name})
	var status api.StatusError
	switch {
	case errors.As(err, &status) && status.StatusCode == http.StatusNotFound:
		return nil, hint.New(fmt.Sprintf("%s is neither a file nor a model of the Ollama at %s", name, s.Host),
			"see `ollama list` for its models, get one with `ollama pull`, or give a GGUF file")
	case err != nil:
		err = s.explain(err)
		return nil, hint.Wrap(fmt.Errorf("%s is not a file, and whether it is a model is unknown: %w", name, err),
			hint.Of(err))
	case show.RemoteHost != "":
		return nil, cloud
	case show.Details.Format != "" && show.Details.Format != "gguf":
		return nil, hint.New(fmt.Sprintf("%s is stored as %s, not as GGUF", name, show.Details.Format),
			"get the model as a GGUF file")
	}
	return show, nil
}

// Files returns the paths on the server's machine of a model's weights, then projectors; of its draft model; and of its
// adapters. Of weights in several files only the first is named.
func Files(show *api.ShowResponse) (from, draft, adapters []string) {
	for line := range strings.Lines(show.Modelfile) {
		line = strings.TrimSpace(line)
		command, value, _ := strings.Cut(line, " ")
		value = strings.Trim(value, `"`)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case command == "FROM":
			from = append(from, value)
		case command == "DRAFT":
			draft = append(draft, value)
		case command == "ADAPTER":
			adapters = append(adapters, value)
		default: // the server writes these lines before everything else
			return from, draft, adapters
		}
	}
	return from, draft, adapters
}
