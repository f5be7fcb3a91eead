package install

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/ggmlhead"
	"github.com/fh-ollama/fh-ollama/internal/installation"
)

// hostsFile lists the versions of ggml that the plug-in was checked with. It is compiled into the plug-in.
const hostsFile = "hosts/plugin/flash-head-hosts.inc"

// hostLine is a version of ggml, its commit, and the Ollama that has it.
var hostLine = regexp.MustCompile(`(?m)^FLASH_HEAD_HOST\("([^"]+)", "([^"]+)", "([^"]+)"\)`)

// unchecked returns a note that the plug-in was not checked with the ggml of i; "" if it was, or if that is unknown. It
// is a guess before a trial, and an explanation afterwards.
func unchecked(i installation.Installation) string {
	version := i.GGML()
	text, err := ggmlhead.Sources.ReadFile(hostsFile)
	if version == "" || err != nil {
		return ""
	}
	var known []string
	for _, m := range hostLine.FindAllStringSubmatch(string(text), -1) {
		if m[1] == version {
			return ""
		}
		if host := fmt.Sprintf("%s (Ollama %s)", m[1], m[3]); !slices.Contains(known, host) {
			known = append(known, host)
		}
	}
	return fmt.Sprintf("this Ollama has ggml %s, and the plug-in was checked with %s", version, strings.Join(known, ", "))
}
