package maps

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
)

// unloadTime is how long to wait for models to be unloaded. A server does it at once unless they are in use.
const unloadTime = 2 * time.Second

// unload has the server unload the models of w that it has loaded, because a model looks for its map only when it is
// loaded. A model in use is unloaded by the server after its last request. head names how it runs next.
func (o Options) unload(ctx context.Context, w Weights, head string) {
	loaded := o.loaded(ctx, w)
	for _, name := range loaded {
		// an empty prompt only sets how long the model stays
		request := &api.GenerateRequest{Model: name, KeepAlive: &api.Duration{Duration: 0}}
		_ = o.Server.Client.Generate(ctx, request, func(api.GenerateResponse) error { return nil }) // seen below
	}
	left := loaded
	for end := time.Now().Add(unloadTime); len(left) > 0 && time.Now().Before(end) && ctx.Err() == nil; {
		time.Sleep(50 * time.Millisecond)
		left = o.loaded(ctx, w)
	}
	for _, name := range loaded {
		if slices.Contains(left, name) {
			fmt.Fprintf(o.Out, "%-10s %s is in use: it runs with %s when it is loaded again; %s unloads it\n", "note", name,
				head, commandline.Other("ollama", "stop", name))
		} else {
			fmt.Fprintf(o.Out, "%-10s %s, which runs with %s when it is loaded again\n", "unloaded", name, head)
		}
	}
}

// loaded returns the names of the models that the server has loaded with the weights w, by whatever name; none if it does
// not answer.
func (o Options) loaded(ctx context.Context, w Weights) []string {
	running, err := o.Server.Client.ListRunning(ctx)
	if err != nil {
		return nil
	}
	var names []string
	for _, m := range running.Models {
		show, err := o.Server.Client.Show(ctx, &api.ShowRequest{Model: m.Name})
		if err != nil {
			continue
		}
		if from, draft, _ := ollama.Files(show); slices.Contains(append(from, draft...), w.Paths[0]) {
			names = append(names, m.Name)
		}
	}
	return names
}
