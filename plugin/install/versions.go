package install

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/ggmlhead"
	"github.com/fh-ollama/fh-ollama/internal/installation"
)

// Hosts are the versions of ggml that the plug-in of this program was checked with. The plug-in has the same list.
func Hosts() ([]installation.Host, error) {
	return installation.ReadHosts(ggmlhead.Sources, "hosts/plugin/flash-head-hosts.inc")
}

// Unchecked says that nobody has checked the plug-in with the ggml of i, "" if somebody has or that cannot be told. It
// is a guess before the plug-in is tried, and an explanation afterwards.
func Unchecked(i installation.Installation) (string, error) {
	hosts, err := Hosts()
	if err != nil {
		return "", err
	}
	version := i.GGML()
	var known []string
	for _, h := range hosts {
		if h.Version == version {
			return "", nil
		}
		if text := fmt.Sprintf("%s (Ollama %s)", h.Version, h.Ollama); !slices.Contains(known, text) {
			known = append(known, text)
		}
	}
	if version == "" {
		return "", nil
	}
	return fmt.Sprintf("this Ollama has ggml %s, and the plug-in was checked with %s", version, strings.Join(known, ", ")),
		nil
}

// checkVersions notes that an Ollama is not among those that the plug-in was checked with.
func checkVersions(i installation.Installation, r *Result) error {
	text, err := Unchecked(i)
	if text != "" {
		r.Notes = append(r.Notes, text)
	}
	return err
}
