package build

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// ggmlHeaders declare the exports of libggml-base and libggml, which every process that loads a backend has. The CPU
// backend is loaded with private symbols.
var ggmlHeaders = []string{
	"ggml/include/ggml.h", "ggml/include/gguf.h", "ggml/include/ggml-alloc.h", "ggml/include/ggml-backend.h",
	"ggml/src/ggml-backend-impl.h", "ggml/src/ggml-impl.h", // for backends
}

var (
	lineComment = regexp.MustCompile(`//.*`)
	ggmlExport  = regexp.MustCompile(`\bGGML_API\b[^;{}]*?\b((?:ggml|gguf)_\w+)\s*\(`)
)

// ggmlAPI returns the functions that the headers in a tree of llama.cpp export.
func ggmlAPI(llamaCpp string) (map[string]bool, error) {
	api := map[string]bool{}
	for _, name := range ggmlHeaders {
		text, err := os.ReadFile(filepath.Join(llamaCpp, filepath.FromSlash(name)))
		if err != nil {
			return nil, err
		}
		for _, m := range ggmlExport.FindAllSubmatch(lineComment.ReplaceAll(text, nil), -1) {
			api[string(m[1])] = true
		}
	}
	return api, nil
}

// systemLibrary matches libraries of every Linux with glibc and C++.
var systemLibrary = regexp.MustCompile(`^(lib(c|m|dl|pthread|stdc\+\+|gcc_s)\.so\.\d+|ld-linux.*\.so\.\d+)$`)

// checkSymbols checks a shared object that gets ggml's symbols from the process that loads it: its exports, sorted;
// that it needs only system libraries; that all other undefined symbols are in api. The linker does not check the last,
// so it would miss a forgotten source file or a removed function.
func checkSymbols(path string, exports []string, api map[string]bool) error {
	name := filepath.Base(path)
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var defined []string
	for _, s := range symbols {
		bind := elf.ST_BIND(s.Info)
		switch {
		case s.Section != elf.SHN_UNDEF && bind != elf.STB_LOCAL:
			defined = append(defined, s.Name)
		case s.Section == elf.SHN_UNDEF && bind == elf.STB_GLOBAL &&
			s.Version == "" && !api[s.Name]: // symbols of the system have versions
			return fmt.Errorf("%s needs %s, which no header of ggml declares", name, s.Name)
		}
	}
	slices.Sort(defined)
	if !slices.Equal(defined, exports) {
		return fmt.Errorf("%s exports %q, not %q", name, defined, exports)
	}
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, l := range libraries {
		if !systemLibrary.MatchString(l) {
			return fmt.Errorf("%s needs the library %s, which some systems lack", name, l)
		}
	}
	return nil
}
