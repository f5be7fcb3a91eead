package main

import (
	"io/fs"
	"regexp"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/ggmlhead"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

// Every pair in the plug-in's list is a pinned release with the ggml of its sources.
func TestListIsOfPinnedReleases(t *testing.T) {
	list, err := fs.ReadFile(ggmlhead.Sources, "hosts/plugin/flash-head-hosts.inc")
	if err != nil {
		t.Fatal(err)
	}
	own, err := source.ParsePins(thirdparty.Pins)
	if err != nil {
		t.Fatal(err)
	}
	pins, err := source.ParseHosts(thirdparty.Hosts)
	if err != nil {
		t.Fatal(err)
	}
	checked := []string{own.LlamaCpp.GGML + " " + own.Ollama.Version}
	for _, p := range pins {
		checked = append(checked, p.LlamaCpp.GGML+" "+p.Version)
	}
	lines := regexp.MustCompile(`(?m)^FLASH_HEAD_HOST\("([^"]+)", "([^"]+)", "([^"]+)"\)`).
		FindAllStringSubmatch(string(list), -1)
	if len(lines) == 0 {
		t.Fatalf("the list has no pair:\n%s", list)
	}
	for _, l := range lines {
		if pair := l[1] + " v" + l[3]; !slices.Contains(checked, pair) {
			t.Errorf("%s: third_party/hosts.toml has %q", l[0], checked)
		}
	}
}
