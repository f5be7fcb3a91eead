package maps

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/modelfile"
	"github.com/fh-ollama/fh-ollama/modelfile/origin"
)

// Survey returns the weights of all models of the server, sorted by name; those of several models once. local says
// whether the server is on this machine. Errors carry a hint.
func Survey(ctx context.Context, s ollama.Server, local bool) ([]Weights, error) {
	if !local {
		return nil, elsewhere(s)
	}
	names, err := s.Names(ctx)
	if err != nil {
		return nil, err
	}
	return of(ctx, s, names)
}

// Find returns the weights that args name: models of the server, or GGUF files. What cannot be found is Excluded, with
// a reason. Errors carry a hint.
func Find(ctx context.Context, s ollama.Server, local bool, args []string) ([]Weights, error) {
	var names []string
	var all []Weights
	for _, arg := range args {
		if !origin.IsFile(arg) {
			names = append(names, arg)
			continue
		}
		w, err := ofFile(arg)
		if err != nil {
			w = excluded(arg, err)
		}
		all = add(all, w)
	}
	if len(names) > 0 && !local {
		return nil, elsewhere(s)
	}
	found, err := of(ctx, s, names)
	return append(all, found...), err
}

func elsewhere(s ollama.Server) error {
	return hint.New(fmt.Sprintf("the Ollama at %s runs on another machine, and maps lie beside its models", s.Host),
		"run this command on that machine; create --from FILE sends a converted model to a server anywhere")
}

// of returns the weights of the models called names.
func of(ctx context.Context, s ollama.Server, names []string) ([]Weights, error) {
	var all []Weights
	for _, name := range names {
		found, err := ofModel(ctx, s, name)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			found = []Weights{excluded(name, err)}
		}
		for _, w := range found {
			all = add(all, w)
		}
	}
	for i, w := range all {
		if w.State == "" {
			all[i] = w.examine()
		}
	}
	return all, nil
}

// add adds w to all, to the same weights of another model if they are there.
func add(all []Weights, w Weights) []Weights {
	i := slices.IndexFunc(all, func(other Weights) bool {
		return len(w.Paths) > 0 && slices.Equal(w.Paths, other.Paths)
	})
	if i < 0 {
		return append(all, w)
	}
	if !slices.ContainsFunc(all[i].Names, func(name string) bool { return modelfile.SameName(name, w.Names[0]) }) {
		all[i].Names = append(all[i].Names, w.Names...)
	}
	return all
}

// ofModel returns the weights of a model and those of its draft model, not examined yet.
func ofModel(ctx context.Context, s ollama.Server, name string) ([]Weights, error) {
	if err := modelfile.CheckName(name); err != nil {
		return nil, err
	}
	show, err := s.Show(ctx, name)
	if err != nil {
		return nil, err
	}
	from, draft, adapters := ollama.Files(show)
	switch {
	case len(from) == 0:
		return nil, hint.New(fmt.Sprintf("the Ollama at %s does not say where the weights lie", s.Host), "update Ollama")
	case len(adapters) > 0:
		return nil, hint.New("it has a LoRA adapter, which Ollama no longer accepts", "merge the adapter into the model")
	}
	all := []Weights{{Names: []string{name}, Paths: modelfile.Parts(name, from[0])}}
	if len(draft) > 0 {
		all = append(all, Weights{Names: []string{name}, Draft: true, Paths: modelfile.Parts(name, draft[0])})
	}
	for _, w := range all {
		if _, ok := mapfile.Blob(w.Paths[0]); !ok {
			return nil, hint.New(fmt.Sprintf("the Ollama at %s says that the weights are %s, which is not a blob of a store",
				s.Host, w.Paths[0]), "give the GGUF file itself")
		}
		if _, err := os.Stat(w.Paths[0]); errors.Is(err, fs.ErrNotExist) {
			return nil, hint.New("its weights are not on this machine: "+w.Paths[0],
				"run this command on the machine, or in the container, of the Ollama at "+s.Host.String())
		}
	}
	return all, nil
}

func excluded(name string, err error) Weights {
	reason := strings.TrimPrefix(strings.TrimPrefix(err.Error(), name+": "), name+" ")
	return Weights{Names: []string{name}, State: Excluded, Reason: reason, way: hint.Of(err)}
}
