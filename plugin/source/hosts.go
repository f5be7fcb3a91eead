package source

import (
	"fmt"
	"regexp"

	"golang.org/x/mod/semver"
)

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
