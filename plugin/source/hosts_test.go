package source

import (
	"strconv"
	"strings"
	"testing"

	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

func TestParseHostsReadsTheCommittedFile(t *testing.T) {
	hosts, err := ParseHosts(thirdparty.Hosts)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	number := func(build string) int { n, _ := strconv.Atoi(strings.TrimPrefix(build, "b")); return n }
	for _, h := range hosts {
		if seen[h.Version] {
			t.Errorf("%s is there twice", h.Version)
		}
		seen[h.Version] = true
		if d := number(h.LlamaCpp.Commit) - number(h.Wants); d < -10 || d > 10 {
			t.Errorf("%s is made from %s, which is %d builds from %s", h.Version, h.Wants, d, h.LlamaCpp.Commit)
		}
		for _, name := range []string{h.LlamaCpp.File, h.LlamaCpp.Subdir} {
			if !strings.Contains(name, h.LlamaCpp.Version) || !strings.HasPrefix(h.LlamaCpp.Version, h.LlamaCpp.Commit[1:]+".") {
				t.Errorf("%s: %s is not of %s %s, build %s", h.Version, name, h.LlamaCpp.Package, h.LlamaCpp.Version,
					h.LlamaCpp.Commit)
			}
		}
	}
	for _, v := range []string{"v0.30.0", "v0.34.2"} {
		if !seen[v] {
			t.Errorf("%s is not there", v)
		}
	}
}
