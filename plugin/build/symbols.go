package build

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// ggmlHeaders declare what ggml's two core libraries, libggml-base and libggml, export. They are in the process of
// whoever loads a backend; ggml's CPU backend is not, for it is loaded with its symbols kept to itself.
var ggmlHeaders = []string{
	"ggml/include/ggml.h", "ggml/include/gguf.h", "ggml/include/ggml-alloc.h", "ggml/include/ggml-backend.h",
	"ggml/src/ggml-backend-impl.h", "ggml/src/ggml-impl.h", // for backends
}

var (
	lineComment = regexp.MustCompile(`//.*`)
	ggmlExport  = regexp.MustCompile(`\bGGML_API\b[^;{}]*?\b((?:ggml|gguf)_\w+)\s*\(`)
)

// ggmlAPI returns the names of the functions that the headers of a tree of llama.cpp declare as exported.
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

// systemLibrary matches what every Linux with glibc and a C++ program on it has.
var systemLibrary = regexp.MustCompile(`^(lib(c|m|dl|pthread|stdc\+\+|gcc_s)\.so\.\d+|ld-linux.*\.so\.\d+)$`)

// checkSymbols checks a shared object that leaves ggml's symbols to the process that loads it: it exports exactly the
// given names, in order of name, it needs only libraries of the system, and whatever else it leaves undefined is in api.
// The last catches what a linker of such an object does not: a source file that was forgotten, a function that moved.
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
		case s.Section == elf.SHN_UNDEF && bind == elf.STB_GLOBAL && s.Version == "" && !api[s.Name]: // the system's have versions
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
			return fmt.Errorf("%s needs the library %s, which not every system has", name, l)
		}
	}
	return nil
}
