package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
	"github.com/fh-ollama/fh-ollama/internal/mapfile/mapfiletest"
)

// filesOf returns the paths of a model's files: of two if path is called like the first of two.
func filesOf(path string) []string {
	if paths, err := gguf.PartPaths(path, 2); err == nil {
		return paths
	}
	return []string{path}
}

// writeModel is the script command `gguf FILE VOCABULARY BODY [ARCHITECTURE]`: it writes a model with a head of
// VOCABULARY rows of 32 columns and a matrix of BODY rows, which no runtime loads. FILE-00001-of-00002.gguf gets a
// second file, with the head.
func writeModel(ts *testscript.TestScript, _ bool, args []string) {
	vocabulary, err := strconv.Atoi(args[1])
	ts.Check(err)
	body, err := strconv.Atoi(args[2])
	ts.Check(err)
	m := gguftest.Model(vocabulary, 32)
	m.Tensors[2] = gguftest.T("blk.0.ffn_up.weight", gguftest.TypeF32, gguftest.Floats(32*body, 3), 32, uint64(body))
	if len(args) > 3 {
		m.KVs[0] = gguftest.V("general.architecture", args[3])
	}
	paths, parts := filesOf(ts.MkAbs(args[0])), []gguftest.File{m}
	if len(paths) > 1 {
		parts = m.Split()
	}
	for i, path := range paths {
		ts.Check(os.WriteFile(path, parts[i].Bytes(), 0o644))
	}
}

// writeMap is the script command `map MODEL.gguf [STORE]`: it writes a map of a model beside it, or the map of its blob
// in a store.
func writeMap(ts *testscript.TestScript, _ bool, args []string) {
	path, source := ts.MkAbs(args[0]), ""
	file := strings.TrimSuffix(path, ".gguf") + mapfile.Suffix
	if len(args) > 1 {
		var err error
		source, err = (&fakeOllama{store: ts.MkAbs(args[1])}).blob(path)
		ts.Check(err)
		file = filepath.Join(ts.MkAbs(args[1]), mapfile.StoreFolder, "sha256-"+source+".gguf")
	}
	ts.Check(mapfiletest.Make(file, source, filesOf(path)))
}
