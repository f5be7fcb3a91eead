package integration

import (
	"strings"
	"testing"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/modelfile"
)

// TestMapOfDraft turns FlashHead on for a model with a draft model, which gets its own map.
func TestMapOfDraft(t *testing.T) { onBothHosts(t, mapOfDraft) }

func mapOfDraft(t *testing.T, h host) {
	dir := t.TempDir()
	trunk, block := predicting{name: "trunk", withTrunk: true}.write(t, dir), predicting{name: "block",
		withBlock: true}.write(t, dir)
	o := serve(t, h)
	err := modelfile.Register(timeout(t), o.Client, "pair", &modelfile.Modelfile{
		From: []string{trunk}, Draft: []string{block}, Template: modelfile.DefaultTemplate,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	ask := func() string {
		a := generate(t, o, "pair", prompt, 32, func(r *api.GenerateRequest) {
			r.Options["draft_num_predict"], r.Options["num_thread"] = 3, 1
		})
		return a.Response
	}
	dense := ask()
	if n := strings.Count(o.Log(), "flash_head: active"); n > 0 {
		t.Fatalf("FlashHead is active in %d models without maps", n)
	}
	mapCommand(t, o, append([]string{"on", "pair", "--yes"}, mapFlags...)...)
	list := mapCommand(t, o, "list")
	for _, name := range []string{"pair:latest ", "pair:latest (draft)"} {
		if !lineWith(list, name, " on ", " yes") {
			t.Errorf("%s is not on:\n%s", name, list)
		}
	}
	ask()
	if n := strings.Count(o.Log(), "flash_head: active"); n != 2 {
		t.Errorf("FlashHead is active in %d of two models\n%s", n, end(o.Log()))
	}
	mapCommand(t, o, "off", "pair")
	if list := mapCommand(t, o, "list"); lineWith(list, "pair:latest", " on ") {
		t.Errorf("after off list says\n%s", list)
	}
	if got := ask(); got != dense {
		t.Errorf("after off it answers %q, before on %q", got, dense)
	}
}
