package source

import (
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

func TestParsePinsRefuses(t *testing.T) {
	good := string(thirdparty.Pins)
	for name, c := range map[string]struct{ old, new, want string }{
		"short hash":     {`sha256  = "832d`, `sha256  = "`, "llama_cpp.sha256"},
		"upper-case":     {`sha256  = "832d`, `sha256  = "832D`, "llama_cpp.sha256"},
		"no sum":         {`sum     = "h1:`, `sum     = "`, "ollama.sum"},
		"missing key":    {`version = "v0.34.2"`, ``, "ollama.version"},
		"unknown key":    {`[patches]`, "[patches]\nsreies = \"x\"", "unknown key patches.sreies"},
		"path as series": {`series = "llama`, `series = "../llama`, "patches.series"},
		"not TOML":       {`[patches]`, `[patches`, "pins: toml"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(good, c.old, c.new, 1)
			if bad == good {
				t.Fatalf("the file does not contain %q", c.old)
			}
			_, err := ParsePins([]byte(bad))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v does not name %q", err, c.want)
			}
		})
	}
}
