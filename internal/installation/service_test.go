package installation_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/installation/installationtest"
)

// Another service takes over the user and the place of the models, and nothing else.
func TestService(t *testing.T) {
	const unit = "[Service]\nExecStart=/usr/local/bin/ollama " +
		"serve\nUser=ollama\nGroup=ollama\nEnvironment=\"PATH=/usr/bin\"\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"Ollama's own": {map[string]string{"etc/systemd/system/ollama.service": unit},
			[]string{"User=ollama", "Group=ollama"}},
		"a user's disk": {map[string]string{
			"etc/systemd/system/ollama.service": unit,
			"etc/systemd/system/ollama.service.d/models.conf": "[Service]\nUser=ann\nGroup=\n" +
				"Environment=\"OLLAMA_HOST=0.0.0.0\" \"OLLAMA_MODELS=/srv/my \\\"models\\\" %u\"\n",
		}, []string{"User=ann", `Environment="OLLAMA_MODELS=/srv/my \"models\" %u"`}},
		"a package": {map[string]string{
			"usr/lib/systemd/system/ollama.service": "[Service]\nUser=ollama\nWorkingDirectory=/var/lib/ollama\n" +
				"Environment=HOME=/var/lib/ollama OLLAMA_MODELS=/old\nSupplementaryGroups=render\nSupplementaryGroups=video\n" +
				"DynamicUser=yes\nStateDirectory=ollama\nEnvironmentFile=-ROOT/etc/ollama.env\n",
			"etc/ollama.env": "# models\nOLLAMA_MODELS='/srv/100% models'\nOLLAMA_ORIGINS=*\n",
		}, []string{"User=ollama", "DynamicUser=yes", "SupplementaryGroups=render video", "StateDirectory=ollama",
			`Environment="HOME=/var/lib/ollama"`, `Environment="OLLAMA_MODELS=/srv/100%% models"`}},
		"taken back": {map[string]string{
			"etc/systemd/system/ollama.service":          unit + "Environment=OLLAMA_MODELS=/old\n",
			"etc/systemd/system/ollama.service.d/x.conf": "[Service]\nEnvironment=\n",
		}, []string{"User=ollama", "Group=ollama"}},
		"root's": {map[string]string{"etc/systemd/system/ollama.service": "[Service]\nExecStart=/usr/bin/ollama serve\n"},
			nil},
	} {
		t.Run(name, func(t *testing.T) {
			m := installationtest.New(t)
			if lines, ok := m.Places.Service(); ok {
				t.Errorf("of no service: %q", lines)
			}
			for path, text := range c.files {
				m.Write(path, strings.ReplaceAll(text, "ROOT", m.Places.Root), 0o644)
			}
			if lines, ok := m.Places.Service(); !ok || !slices.Equal(lines, c.want) {
				t.Errorf("%q, %v, not %q", lines, ok, c.want)
			}
		})
	}
}

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
