package source

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
	"golang.org/x/mod/semver"
)

// HostPin is a release of Ollama to load the plug-in into, and a published llama.cpp for it.
type HostPin struct {
	Version  string      `toml:"version"` // of Ollama, with the leading v
	Sum      string      `toml:"sum"`     // of its module
	Wants    string      `toml:"wants"`   // build of llama.cpp that the release is made from
	LlamaCpp LlamaCppPin `toml:"llama_cpp"`
}

// Distance is how many builds the llama.cpp here is after the one that the release is made from.
func (p HostPin) Distance() int {
	number := func(build string) int { n, _ := strconv.Atoi(strings.TrimPrefix(build, "b")); return n }
	return number(p.LlamaCpp.Commit) - number(p.Wants)
}

var buildPattern = regexp.MustCompile(`^b\d+$`)

// ParseHosts reads the TOML of third_party/hosts.toml. Every key must be present, well formed and known.
func ParseHosts(data []byte) ([]HostPin, error) {
	var list struct {
		Host []HostPin `toml:"host"`
	}
	meta, err := toml.Decode(string(data), &list)
	if err != nil {
		return nil, fmt.Errorf("hosts: %w", err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("hosts: unknown key %s", unknown[0])
	}
	if len(list.Host) == 0 {
		return nil, fmt.Errorf("hosts: none")
	}
	for i, h := range list.Host {
		for _, f := range []struct {
			key, value string
			ok         bool
		}{
			{"version", h.Version, semver.IsValid(h.Version)},
			{"sum", h.Sum, sumPattern.MatchString(h.Sum)},
			{"wants", h.Wants, buildPattern.MatchString(h.Wants)},
			{"llama_cpp.package", h.LlamaCpp.Package, h.LlamaCpp.Package != ""},
			{"llama_cpp.version", h.LlamaCpp.Version, h.LlamaCpp.Version != ""},
			{"llama_cpp.file", h.LlamaCpp.File, h.LlamaCpp.File != "" && h.LlamaCpp.File == path.Base(h.LlamaCpp.File)},
			{"llama_cpp.sha256", h.LlamaCpp.SHA256, sha256Pattern.MatchString(h.LlamaCpp.SHA256)},
			{"llama_cpp.subdir", h.LlamaCpp.Subdir, h.LlamaCpp.Subdir != "" && h.LlamaCpp.Subdir == path.Clean(h.LlamaCpp.Subdir)},
			{"llama_cpp.commit", h.LlamaCpp.Commit, buildPattern.MatchString(h.LlamaCpp.Commit)},
			{"llama_cpp.ggml", h.LlamaCpp.GGML, semver.IsValid("v" + h.LlamaCpp.GGML)},
		} {
			if !f.ok {
				return nil, fmt.Errorf("hosts: %s of entry %d is missing or malformed: %q", f.key, i+1, f.value)
			}
		}
	}
	return list.Host, nil
}
