package source

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// Pins names, to the bit, the sources that a build uses.
type Pins struct {
	Ollama   OllamaPin   `toml:"ollama"`
	LlamaCpp LlamaCppPin `toml:"llama_cpp"`
	Patches  PatchesPin  `toml:"patches"`
}

// OllamaPin is a Go module.
type OllamaPin struct {
	Module  string `toml:"module"`
	Version string `toml:"version"` // with the leading v
	Sum     string `toml:"sum"`     // as in go.sum: h1:…
	License string `toml:"license"`
}

// LlamaCppPin is a folder inside the source archive of a Python package.
type LlamaCppPin struct {
	Package string `toml:"package"` // as an index calls it: lower case, with hyphens
	Version string `toml:"version"`
	File    string `toml:"file"`   // name of the archive
	SHA256  string `toml:"sha256"` // of the archive, lower-case hexadecimal
	Subdir  string `toml:"subdir"` // slash-separated path of the llama.cpp tree in the archive
	Commit  string `toml:"commit"` // upstream's
	GGML    string `toml:"ggml"`   // version of the ggml in it
	License string `toml:"license"`
}

// PatchesPin says which folder of patches belongs to the pinned llama.cpp.
type PatchesPin struct {
	Series string `toml:"series"`
}

var (
	sha256Pattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
	sumPattern    = regexp.MustCompile(`^h1:[A-Za-z0-9+/]{43}=$`)
)

// ParsePins reads the TOML of third_party/pins.toml. Every key must be present, well formed and known.
func ParsePins(data []byte) (Pins, error) {
	var p Pins
	meta, err := toml.Decode(string(data), &p)
	if err != nil {
		return Pins{}, fmt.Errorf("pins: %w", err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return Pins{}, fmt.Errorf("pins: unknown key %s", unknown[0])
	}
	for _, f := range []struct {
		key, value string
		ok         bool
	}{
		{"ollama.module", p.Ollama.Module, p.Ollama.Module != ""},
		{"ollama.version", p.Ollama.Version, strings.HasPrefix(p.Ollama.Version, "v")},
		{"ollama.sum", p.Ollama.Sum, sumPattern.MatchString(p.Ollama.Sum)},
		{"llama_cpp.package", p.LlamaCpp.Package, p.LlamaCpp.Package != ""},
		{"llama_cpp.version", p.LlamaCpp.Version, p.LlamaCpp.Version != ""},
		{"llama_cpp.file", p.LlamaCpp.File, p.LlamaCpp.File != "" && p.LlamaCpp.File == path.Base(p.LlamaCpp.File)},
		{"llama_cpp.sha256", p.LlamaCpp.SHA256, sha256Pattern.MatchString(p.LlamaCpp.SHA256)},
		{"llama_cpp.subdir", p.LlamaCpp.Subdir, p.LlamaCpp.Subdir != "" && p.LlamaCpp.Subdir == path.Clean(p.LlamaCpp.Subdir)},
		{"patches.series", p.Patches.Series, p.Patches.Series != "" && p.Patches.Series == path.Base(p.Patches.Series)},
	} {
		if !f.ok {
			return Pins{}, fmt.Errorf("pins: %s is missing or malformed: %q", f.key, f.value)
		}
	}
	return p, nil
}
