package source

import (
	"strconv"
	"strings"
	"testing"

	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

func TestParsePinsReadsTheCommittedFile(t *testing.T) {
	pins, err := ParsePins(thirdparty.Pins)
	if err != nil {
		t.Fatal(err)
	}
	if want := "llama.cpp-" + pins.LlamaCpp.Commit; pins.Patches.Series != want {
		t.Errorf("patches are for %s, the pinned tree is %s", pins.Patches.Series, want)
	}
	if !strings.Contains(pins.LlamaCpp.File, pins.LlamaCpp.Version) {
		t.Errorf("file %s is not of version %s", pins.LlamaCpp.File, pins.LlamaCpp.Version)
	}
}

func TestParseRefuses(t *testing.T) {
	pins := func(text string) error { _, err := ParsePins([]byte(text)); return err }
	hosts := func(text string) error { _, err := ParseHosts([]byte(text)); return err }
	for _, c := range []struct {
		parse          func(text string) error
		good           []byte
		old, new, want string
	}{
		{pins, thirdparty.Pins, `sha256  = "832d`, `sha256  = "`, "llama_cpp.sha256"},
		{pins, thirdparty.Pins, `sha256  = "832d`, `sha256  = "832D`, "llama_cpp.sha256"},
		{pins, thirdparty.Pins, `sum     = "h1:`, `sum     = "`, "ollama.sum"},
		{pins, thirdparty.Pins, `version = "v0.34.2"`, ``, "ollama.version"},
		{pins, thirdparty.Pins, `[patches]`, "[patches]\nsreies = \"x\"", "unknown key patches.sreies"},
		{pins, thirdparty.Pins, `series = "llama`, `series = "../llama`, "patches.series"},
		{pins, thirdparty.Pins, `[patches]`, `[patches`, "pins: toml"},
		{hosts, thirdparty.Hosts, `sha256  = "0b09`, `sha256  = "`, "llama_cpp.sha256 of entry 1"},
		{hosts, thirdparty.Hosts, `sum     = "h1:`, `sum     = "`, "sum of entry 1"},
		{hosts, thirdparty.Hosts, `version = "v0.30.0"`, `version = "0.30.0"`, "version of entry 1"},
		{hosts, thirdparty.Hosts, `wants   = "b9452"`, `wants   = "9452"`, "wants of entry 1"},
		{hosts, thirdparty.Hosts, string(thirdparty.Hosts), "", "hosts: none"},
	} {
		bad := strings.Replace(string(c.good), c.old, c.new, 1)
		if bad == string(c.good) {
			t.Fatalf("the file does not contain %q", c.old)
		}
		if err := c.parse(bad); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v does not name %q", err, c.want)
		}
	}
}

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
		if !strings.Contains(h.LlamaCpp.File, h.LlamaCpp.Version) ||
			!strings.HasPrefix(h.LlamaCpp.Version, h.LlamaCpp.Commit[1:]+".") {
			t.Errorf("%s: %s is not of build %s", h.Version, h.LlamaCpp.File, h.LlamaCpp.Commit)
		}
	}
	for _, v := range []string{"v0.30.0", "v0.34.2"} {
		if !seen[v] {
			t.Errorf("%s is not there", v)
		}
	}
}
