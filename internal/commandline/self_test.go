package commandline

import (
	"os"
	"path/filepath"
	"testing"
)

// Each command in a text is replaced once, and nothing else is.
func TestRunnable(t *testing.T) {
	was := self
	defer func() { self = was }()
	self = func() string { return "/my tools/fh-ollama" }
	const own = "'/my tools/fh-ollama'"
	for text, want := range map[string]string{
		"build it: fh-ollama build --plugin, or fh-ollama build": "build it: " + own + " build --plugin, or " + own +
			" build",
		"give it the plug-in with `fh-ollama install`": "give it the plug-in with `" + own + " install`",
		"see fh-ollama --help":                         "see " + own + " --help",
		"/opt/x/bin/fh-ollama doctor":                  "/opt/x/bin/fh-ollama doctor",
		"fh-ollama":                                    "fh-ollama",
		"the text of fh-ollama.toml":                   "the text of fh-ollama.toml",
	} {
		got := Runnable(text)
		if got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
		if again := Runnable(got); again != got {
			t.Errorf("again: %q", again)
		}
	}
	if got := Self("create", "--from", "a b"); got != own+" create --from 'a b'" {
		t.Error(got)
	}
	self = func() string { return "fh-ollama" }
	if got := Runnable("see fh-ollama help"); got != "see fh-ollama help" {
		t.Error(got)
	}
}

// Another program is named by its path if it lies beside this one and PATH has none.
func TestOther(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if got := Other("ollama", "run", "a:b"); got != "ollama run a:b" {
		t.Error(got)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	beside := filepath.Join(filepath.Dir(own), "ollama")
	if err := os.WriteFile(beside, nil, 0o755); err != nil {
		t.Skip(err)
	}
	defer os.Remove(beside)
	if got := Other("ollama", "run", "m"); got != Quote(Path(beside))+" run m" {
		t.Error(got)
	}
	t.Setenv("PATH", filepath.Dir(beside))
	if got := Other("ollama", "serve"); got != "ollama serve" {
		t.Error(got)
	}
}
