package upstream

import (
	"os"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// repository is the overlay of this repository.
func repository() tree.Overlay {
	return tree.Overlay{Head: os.DirFS("../../ggmlhead"), Patches: os.DirFS("../../patches")}
}

// relies.toml holds in the pinned sources.
func TestReliance(t *testing.T) {
	trees := plugintest.Trees(t)
	relied, err := readReliances(repository().Patches)
	if err != nil {
		t.Fatal(err)
	}
	found, err := compare(trees, relied)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		t.Errorf("%s: %s: %s: %s", f.For, f.File, f.What, f.Detail)
	}
	if compared, _, err := compareLibrary(repository().Patches, trees); err != nil || compared < 40 {
		t.Errorf("%d compared for the plug-in, %v", compared, err)
	}
}

// Every patch has an entry in relies.toml.
func TestEveryPatchSaysWhatItReliesOn(t *testing.T) {
	items, err := readReliances(repository().Patches)
	if err != nil {
		t.Fatal(err)
	}
	series, err := tree.ReadSeries(repository().Patches, plugintest.Pins(t).Patches.Series)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for _, item := range items {
		rows[item.For]++
	}
	for _, patch := range series {
		number, _, _ := strings.Cut(patch.Name, "-")
		if rows[number] == 0 {
			t.Errorf("patches/relies.toml has nothing of %s", patch.Name)
		}
	}
}
