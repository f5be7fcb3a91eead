package installation_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/installation/installationtest"
)

func TestModels(t *testing.T) {
	m := installationtest.New(t)
	t.Setenv("OLLAMA_MODELS", "")
	home, own := filepath.Join(m.Places.Home, ".ollama/models"), m.Path("usr/share/ollama/.ollama/models")
	check := func(want ...string) {
		t.Helper()
		slices.Sort(want)
		if got := m.Places.Models(); !slices.Equal(got, want) {
			t.Errorf("models may lie in %q, want %q", got, want)
		}
	}
	check(home, own)
	m.Write("etc/systemd/system/ollama.service", "[Service]\nExecStart=/usr/bin/ollama serve\n", 0o644)
	check(home, own)
	m.Write("etc/systemd/system/ollama.service.d/models.conf",
		"[Service]\nEnvironment=\"OLLAMA_MODELS=/mnt/my models 100%%\" HOME=/srv/ollama\n", 0o644)
	check(home, own, "/mnt/my models 100%", "/srv/ollama/.ollama/models")
	t.Setenv("OLLAMA_MODELS", "/data")
	check(home, own, "/mnt/my models 100%", "/srv/ollama/.ollama/models", "/data")
}
