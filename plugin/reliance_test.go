package plugin

import (
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fh-ollama/fh-ollama/internal/reliance"
)

// repository is what a build lays over llama.cpp, as it lies in this repository.
func repository() Overlay {
	return Overlay{Head: os.DirFS("../ggmlhead"), Patches: os.DirFS("../patches")}
}

// pinnedSources fetches both sources, which a build has mostly done before, and returns their folders.
func pinnedSources(t *testing.T) map[string]string {
	t.Helper()
	pins := committedPins(t)
	cache, err := DefaultCache()
	if err != nil {
		t.Fatal(err)
	}
	ollama, err := fetchTestOllama(t, pins.Ollama)
	if err != nil {
		t.Fatal(err)
	}
	var llamaCpp source
	err = NewSteps(t.Output()).Do("llama.cpp", func(st *Step) (err error) {
		llamaCpp, err = fetchLlamaCpp(t.Context(), st, pins.LlamaCpp, cache)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"ollama": ollama.dir, "llama.cpp": llamaCpp.dir}
}

// pinnedTrees are both sources, to be read.
func pinnedTrees(t *testing.T) map[string]fs.FS {
	t.Helper()
	if testing.Short() {
		t.Skip("needs the pinned sources; not with -short")
	}
	trees := map[string]fs.FS{}
	for name, dir := range pinnedSources(t) {
		trees[name] = os.DirFS(dir)
	}
	return trees
}

// findings checks everything that is relied on, and returns what does not hold.
func findings(t *testing.T, trees map[string]fs.FS) (list []reliance.Finding) {
	t.Helper()
	items, err := repository().reliances()
	if err != nil {
		t.Fatal(err)
	}
	checker := reliance.NewChecker(trees)
	for _, item := range items {
		f, err := checker.Check(item)
		if err != nil {
			t.Fatal(err)
		}
		if f.State != reliance.OK {
			list = append(list, f)
		}
	}
	return list
}

// What patches and sources rely on is in the pinned sources as the documents say.
func TestReliance(t *testing.T) {
	for _, f := range findings(t, pinnedTrees(t)) {
		t.Errorf("%s: %s: %s: %s: %s", f.Item.For, f.Item.Place(), f.Item.What, f.State, f.Detail)
	}
}

// Every patch says in a table what it relies on.
func TestEveryPatchSaysWhatItReliesOn(t *testing.T) {
	items, err := repository().reliances()
	if err != nil {
		t.Fatal(err)
	}
	series, err := ReadSeries(repository().Patches, committedPins(t).Patches.Series)
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
			t.Errorf("patches/README.md has no row for %s", patch.Name)
		}
	}
}

// edited is a tree in which one file reads otherwise.
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

// A change of one thing in the pinned sources is found, and named.
func TestRelianceFindsPlantedChanges(t *testing.T) {
	trees := pinnedTrees(t)
	for _, planted := range []struct {
		what, file, old, new string
		state                reliance.State
		item, detail         string
	}{
		{"a member is renamed", "src/llama-cparams.h", "llama_context * ctx_other;", "llama_context * ctx_target;",
			reliance.Changed, "struct llama_cparams", "has no ctx_other"},
		{"a member comes in", "ggml/include/ggml-cpu.h", "int64_t                  nrows;", "int64_t nrows; int64_t ncols;",
			reliance.Changed, "struct ggml_type_traits_cpu", "has also ncols"},
		{"two functions change places", "ggml/src/ggml-backend-impl.h", "ggml_backend_buffer_t (*alloc_buffer) ", "size_t (*get_max_size)(void); ggml_backend_buffer_t (*alloc_buffer) ",
			reliance.Changed, "struct ggml_backend_buffer_type_i", "has the order get_name get_max_size alloc_buffer"},
		{"an op is added at the end", "ggml/include/ggml.h", "        GGML_OP_GLU,\n", "        GGML_OP_GLU,\n        GGML_OP_NEW,\n",
			reliance.Changed, "enum ggml_op: ours goes between", "comes GGML_OP_NEW after GGML_OP_GLU"},
		{"an enum is reordered", "src/llama-graph.h", "    LLM_GRAPH_TYPE_DECODER,\n    LLM_GRAPH_TYPE_DECODER_MTP,\n", "    LLM_GRAPH_TYPE_DECODER_MTP,\n    LLM_GRAPH_TYPE_DECODER,\n",
			reliance.Changed, "enum llm_graph_type", "comes nothing after LLM_GRAPH_TYPE_DECODER, not LLM_GRAPH_TYPE_DECODER_MTP"},
		{"a hint gets another number", "ggml/include/ggml.h", "GGML_HINT_NONE             = 0", "GGML_HINT_NONE             = 4",
			reliance.Changed, "enum ggml_op_hint", "GGML_HINT_NONE=4, not GGML_HINT_NONE=0"},
		{"a call site is removed", "src/llama-context.cpp", "auto * gf = model.build_graph(gparams);", "auto * gf = model.other_graph(gparams);",
			reliance.Changed, "graphs are built in three places", "1 times `model.build_graph(`, not 3"},
		{"a call site is added", "src/llama.cpp", "if (!model->load_tensors(ml)) {", "ml.load_all_data(ctx); if (!model->load_tensors(ml)) {",
			reliance.Changed, "tensors are loaded in one place", "2 times `ml.load_all_data(`, not 1"},
		{"calls change their order", "src/llama-model.cpp", "    llm->build_sampling();\n", "",
			reliance.Changed, "graphs are complete before `set_outputs`", "there is no `llm->build_sampling();`"},
		{"a limit changes", "src/llama-sampler.cpp", "if (npartial <= 128) {", "if (npartial <= 256) {",
			reliance.Changed, "top-k of at most 128 is this sort", "`if (npartial <= 256) {`"},
		{"Ollama's option goes", "llama/server/CMakeLists.txt", "OLLAMA_LLAMA_CPP_SKIP_COMPAT_PATCH", "SKIP_PATCH",
			reliance.Moved, "takes a tree of llama.cpp that is patched already", "cmake/local.cmake"},
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
				if f.State == planted.state && strings.Contains(f.Item.What, planted.item) && strings.Contains(f.Detail, planted.detail) {
					return
				}
			}
			t.Errorf("not found; found %+v", found)
		})
	}
}
