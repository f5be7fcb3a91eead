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
