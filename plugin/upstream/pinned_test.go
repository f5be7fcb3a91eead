package upstream

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// repository is the overlay of this repository.
func repository() tree.Overlay {
	return tree.Overlay{Head: os.DirFS("../../ggmlhead"), Patches: os.DirFS("../../patches")}
}

// findings returns the reliances that do not hold in trees.
func findings(t *testing.T, trees map[string]fs.FS) (list []Finding) {
	t.Helper()
	relied, err := readReliances(repository().Patches)
	if err != nil {
		t.Fatal(err)
	}
	all, err := compare(trees, relied)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(f Finding) bool { return f.State == OK })
}

// relies.toml holds in the pinned sources.
func TestReliance(t *testing.T) {
	for _, f := range findings(t, plugintest.Trees(t)) {
		t.Errorf("%s: %s: %s: %s: %s", f.For, f.File, f.What, f.State, f.Detail)
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

// edited is a tree in which one file is different.
type edited struct {
	fs.FS
	name, source string
}

func (e edited) Open(name string) (fs.File, error) {
	if name != e.name {
		return e.FS.Open(name)
	}
	return fstest.MapFS{name: {Data: []byte(e.source)}}.Open(name)
}

// A planted change in the pinned sources is found and named.
func TestRelianceFindsPlantedChanges(t *testing.T) {
	trees := plugintest.Trees(t)
	for _, planted := range []struct {
		what, file, old, new string
		state                State
		item, detail         string
	}{
		{"a member comes in", "ggml/include/ggml-cpu.h", "int64_t                  nrows;", "int64_t nrows; int64_t ncols;",
			Changed, "struct ggml_type_traits_cpu", "`int64_t nrows; int64_t ncols;`, not `}`"},
		{"a member is renamed", "ggml/include/ggml-backend.h", "bool mmap_support;", "bool mmap;",
			Changed, "struct ggml_backend_dev_caps", "`bool mmap;`, not `bool mmap_support`"},
		{"two functions change places", "ggml/src/ggml-backend-impl.h", "ggml_backend_buffer_t (*alloc_buffer) ",
			"size_t (*get_max_size)(void); ggml_backend_buffer_t (*alloc_buffer) ",
			Changed, "struct ggml_backend_buffer_type_i", ", not `ggml_backend_buffer_t (*alloc_buffer)("},
		{"an op is added at the end", "ggml/include/ggml.h", "        GGML_OP_GLU,\n",
			"        GGML_OP_GLU,\n        GGML_OP_NEW,\n",
			Changed, "ours goes between", "`GGML_OP_NEW,`, not `GGML_OP_COUNT,`"},
		{"an enum is reordered", "src/llama-graph.h", "    LLM_GRAPH_TYPE_DECODER,\n    LLM_GRAPH_TYPE_DECODER_MTP,\n",
			"    LLM_GRAPH_TYPE_DECODER_MTP,\n    LLM_GRAPH_TYPE_DECODER,\n",
			Changed, "a draft's graphs are known by it", "not `LLM_GRAPH_TYPE_DECODER_MTP,`"},
		{"a hint gets another number", "ggml/include/ggml.h", "GGML_HINT_NONE             = 0",
			"GGML_HINT_NONE             = 4",
			Changed, "a product with a hint is left alone", "= 4,`, not `GGML_HINT_NONE = 0, "},
		{"a call site is removed", "src/llama-context.cpp", "auto * gf = model.build_graph(gparams);",
			"auto * gf = model.other_graph(gparams);",
			Changed, "graphs are built in three places", "1 times `model.build_graph(`, not 3"},
		{"a call site is added", "src/llama.cpp", "if (!model->load_tensors(ml)) {",
			"ml.load_all_data(ctx); if (!model->load_tensors(ml)) {",
			Changed, "tensors are loaded in one place", "2 times `ml.load_all_data(`, not 1"},
		{"calls change their order", "src/llama-model.cpp", "    llm->build_sampling();\n", "",
			Changed, "graphs are complete before `set_outputs`", "there is no `llm->build_sampling();`"},
		{"a limit changes", "src/llama-sampler.cpp", "if (npartial <= 128) {", "if (npartial <= 256) {",
			Changed, "top-k of at most 128 is this sort", "`if (npartial <= 256) {`"},
		{"Ollama's option goes", "llama/server/CMakeLists.txt", "OLLAMA_LLAMA_CPP_SKIP_COMPAT_PATCH", "SKIP_PATCH",
			Moved, "takes a tree of llama.cpp that is patched already", "cmake/local.cmake"},
	} {
		t.Run(planted.what, func(t *testing.T) {
			changed := map[string]fs.FS{}
			for name, tree := range trees {
				changed[name] = tree
				source, err := fs.ReadFile(tree, planted.file)
				if err == nil {
					text := strings.ReplaceAll(string(source), planted.old, planted.new)
					if text == string(source) {
						t.Fatalf("%q is not there to be changed", planted.old)
					}
					changed[name] = edited{tree, planted.file, text}
				}
			}
			found := findings(t, changed)
			for _, f := range found {
				if f.State == planted.state && strings.Contains(f.What, planted.item) &&
					strings.Contains(f.Detail, planted.detail) {
					return
				}
			}
			t.Errorf("not found; found %+v", found)
		})
	}
}
