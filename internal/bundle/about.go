package bundle

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/fh-ollama/fh-ollama/internal/installation"
)

// About describes the plug-in of a bundle.
type About struct {
	Version  string   `json:"version"`   // of FlashHead
	LlamaCpp string   `json:"llama_cpp"` // commit of the headers
	Needs    []string `json:"needs"`     // newest versions of the system's libraries that it uses, such as GLIBC_2.34
}

// String formats a for one line.
func (a About) String() string {
	return fmt.Sprintf("%s, headers of llama.cpp %s, needs %s", a.Version, a.LlamaCpp, strings.Join(a.Needs, ", "))
}

// About reads what b says of itself. b is not empty.
func (b Bundle) About() (About, error) {
	data, err := fs.ReadFile(b, manifestName)
	if err != nil {
		return About{}, err
	}
	var manifest struct {
		FHOllama string `json:"fh_ollama"`
		LlamaCpp string `json:"llama_cpp"`
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		return About{}, fmt.Errorf("%s: %w", manifestName, err)
	}
	newest := map[string]string{}
	for _, name := range []string{LibraryName, installation.ToolName, installation.ToolCodeName} {
		if data, err = fs.ReadFile(b, name); err != nil {
			return About{}, err
		}
		if err := needs(data, newest); err != nil {
			return About{}, fmt.Errorf("%s: %w", name, err)
		}
	}
	a := About{Version: manifest.FHOllama, LlamaCpp: manifest.LlamaCpp}
	for _, set := range slices.Sorted(maps.Keys(newest)) {
		a.Needs = append(a.Needs, set+"_"+newest[set])
	}
	return a, nil
}

// needs adds the newest versions of the C and C++ library's symbols that an ELF file needs, such as 2.34 for GLIBC.
func needs(data []byte, newest map[string]string) error {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return err
	}
	libraries, err := f.DynamicVersionNeeds()
	if err != nil {
		return err
	}
	for _, library := range libraries {
		for _, need := range library.Needs {
			set, version, found := strings.Cut(need.Dep, "_")
			if found && (set == "GLIBC" || set == "GLIBCXX") && semver.Compare("v"+version, "v"+newest[set]) > 0 {
				newest[set] = version
			}
		}
	}
	return nil
}
