package source

import (
	"fmt"
	"path"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
	"golang.org/x/mod/semver"
)

// Pins identify the sources of a build by their hashes.
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
	Package string `toml:"package"` // normalised name: lower case, with hyphens
	Version string `toml:"version"`
	File    string `toml:"file"`   // name of the archive
	SHA256  string `toml:"sha256"` // of the archive, lower-case hexadecimal
	Subdir  string `toml:"subdir"` // slash-separated path of the llama.cpp tree in the archive
	Commit  string `toml:"commit"` // of llama.cpp; in hosts.toml its build, like b9453
	GGML    string `toml:"ggml"`   // version of its ggml
	License string `toml:"license"`
}

// PatchesPin names the folder of patches for the pinned llama.cpp.
type PatchesPin struct {
	Series string `toml:"series"`
}

var (
	sha256Pattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
	sumPattern    = regexp.MustCompile(`^h1:[A-Za-z0-9+/]{43}=$`)
)

// ParsePins reads third_party/pins.toml. Missing, malformed and unknown keys are errors.
func ParsePins(data []byte) (Pins, error) {
	var p Pins
	if err := decode(data, &p); err != nil {
		return Pins{}, fmt.Errorf("pins: %w", err)
	}
	for _, f := range append(p.LlamaCpp.fields(),
		field{"ollama.module", p.Ollama.Module, p.Ollama.Module != ""},
		field{"ollama.version", p.Ollama.Version, strings.HasPrefix(p.Ollama.Version, "v")},
		field{"ollama.sum", p.Ollama.Sum, sumPattern.MatchString(p.Ollama.Sum)},
		field{"patches.series", p.Patches.Series, p.Patches.Series != "" && p.Patches.Series == path.Base(p.Patches.Series)},
	) {
		if !f.ok {
			return Pins{}, fmt.Errorf("pins: %s is missing or malformed: %q", f.key, f.value)
		}
	}
	return p, nil
}

// decode reads TOML that may have no unknown key.
func decode(data []byte, into any) error {
	meta, err := toml.Decode(string(data), into)
	if unknown := meta.Undecoded(); err == nil && len(unknown) > 0 {
		return fmt.Errorf("unknown key %s", unknown[0])
	}
	return err
}

// field is a key, its value, and whether the value is well formed.
type field struct {
	key, value string
	ok         bool
}

func (p LlamaCppPin) fields() []field {
	return []field{
		{"llama_cpp.package", p.Package, p.Package != ""},
		{"llama_cpp.version", p.Version, p.Version != ""},
		{"llama_cpp.file", p.File, p.File != "" && p.File == path.Base(p.File)},
		{"llama_cpp.sha256", p.SHA256, sha256Pattern.MatchString(p.SHA256)},
		{"llama_cpp.subdir", p.Subdir, p.Subdir != "" && p.Subdir == path.Clean(p.Subdir)},
	}
}

// HostPin is a release of Ollama that loads the plug-in, and a published llama.cpp close to its own.
type HostPin struct {
	Version  string      `toml:"version"` // of Ollama, with the leading v
	Sum      string      `toml:"sum"`     // of its module
	Wants    string      `toml:"wants"`   // build of llama.cpp that the release was made from
	LlamaCpp LlamaCppPin `toml:"llama_cpp"`
}

var buildPattern = regexp.MustCompile(`^b\d+$`)

// ParseHosts reads third_party/hosts.toml. Missing, malformed and unknown keys are errors.
func ParseHosts(data []byte) ([]HostPin, error) {
	var list struct {
		Host []HostPin `toml:"host"`
	}
	if err := decode(data, &list); err != nil {
		return nil, fmt.Errorf("hosts: %w", err)
	}
	if len(list.Host) == 0 {
		return nil, fmt.Errorf("hosts: none")
	}
	for i, h := range list.Host {
		for _, f := range append(h.LlamaCpp.fields(),
			field{"version", h.Version, semver.IsValid(h.Version)},
			field{"sum", h.Sum, sumPattern.MatchString(h.Sum)},
			field{"wants", h.Wants, buildPattern.MatchString(h.Wants)},
			field{"llama_cpp.commit", h.LlamaCpp.Commit, buildPattern.MatchString(h.LlamaCpp.Commit)},
			field{"llama_cpp.ggml", h.LlamaCpp.GGML, semver.IsValid("v" + h.LlamaCpp.GGML)},
		) {
			if !f.ok {
				return nil, fmt.Errorf("hosts: %s of entry %d is missing or malformed: %q", f.key, i+1, f.value)
			}
		}
	}
	return list.Host, nil
}
