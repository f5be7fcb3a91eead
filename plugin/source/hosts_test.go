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

func TestParseHostsRefuses(t *testing.T) {
	good := string(thirdparty.Hosts)
	for name, c := range map[string]struct{ old, new, want string }{
		"short hash":  {`sha256  = "0b09`, `sha256  = "`, "llama_cpp.sha256 of entry 1"},
		"no sum":      {`sum     = "h1:`, `sum     = "`, "sum of entry 1"},
		"no v":        {`version = "v0.30.0"`, `version = "0.30.0"`, "version of entry 1"},
		"no build":    {`wants   = "b9452"`, `wants   = "9452"`, "wants of entry 1"},
		"a path":      {`file    = "llama`, `file    = "../llama`, "llama_cpp.file of entry 1"},
		"unknown key": {`wants   = "b9452"`, "wants   = \"b9452\"\nwishes = \"x\"", "unknown key host.wishes"},
		"not TOML":    {`[[host]]`, `[[host]`, "hosts: toml"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(good, c.old, c.new, 1)
			if bad == good {
				t.Fatalf("the file does not contain %q", c.old)
			}
			_, err := ParseHosts([]byte(bad))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v does not name %q", err, c.want)
			}
		})
	}
	if _, err := ParseHosts(nil); err == nil {
		t.Error("an empty list is taken")
	}
}
