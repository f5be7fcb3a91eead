package install

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

// A service that somebody edited stays, and stops neither an upgrade nor a later installation: ours lies beside it. Who
// takes the edit back, or takes over what lies beside, has one service again.
func TestEditedService(t *testing.T) {
	above := t.TempDir()
	dir := filepath.Join(above, "flashhead")
	install := func(files map[string]string, service string, edited bool) {
		t.Helper()
		r, err := Prefix(t.Context(), PrefixOptions{From: built(t, files), Dir: dir, Service: []string{service}})
		if err != nil || (r.Beside == filepath.Join(dir, besideName)) != edited {
			t.Fatalf("%+v, %v", r, err)
		}
		got := laid(t, dir)
		ours, other := got[unitName], got[besideName]
		if edited {
			ours, other = other, ours
		}
		if !strings.Contains(ours, service) || edited != (other == "edited") || got["bin/ollama"] != files["bin/ollama"] {
			t.Errorf("the service is %q, beside it %q", got[unitName], got[besideName])
		}
	}
	install(first, "User=zoe", false)
	for _, from := range []string{unitName, besideName} {
		original := laid(t, dir)[unitName]
		lay(t, dir, map[string]string{unitName: "edited"})
		install(second, "User=ann", true)
		install(first, "User=bob", true)
		if from == besideName {
			original = laid(t, dir)[besideName]
		}
		lay(t, dir, map[string]string{unitName: original})
		install(first, "User=bob", false)
	}
	lay(t, dir, map[string]string{unitName: "edited"})
	left := map[string]string{".": "/", "flashhead": "/", "flashhead/share": "/", "flashhead/share/fh-ollama": "/",
		"flashhead/" + unitName: "edited"}
	if r := uninstallPrefix(t, dir); !slices.Equal(r.Kept, []string{filepath.Join(dir, unitName)}) {
		t.Errorf("kept %q", r.Kept)
	}
	expect(t, above, left)
	install(first, "User=ann", true) // afterwards it is nobody's, and stays
	uninstallPrefix(t, dir)
	expect(t, above, left)
}

// systemd itself reads the service, of a folder with all that needs quoting, too.
func TestUnit(t *testing.T) {
	for _, name := range []string{"flashhead", `two words 100% $HOME %h`} {
		prefix := filepath.Join(t.TempDir(), name)
		plugintest.Write(t, filepath.Join(prefix, "bin", "ollama"), "#!/bin/sh\n", 0o755)
		text, err := unit(prefix, []string{"User=root", `Environment="OLLAMA_MODELS=/srv/two words"`})
		if err != nil {
			t.Fatal(err)
		}
		service := string(text)
		if strings.Contains(service, "@") || !strings.Contains(service,
			"\nUser=root\nEnvironment=\"OLLAMA_MODELS=/srv/two words\"\nRestart=") ||
			!strings.Contains(service, "\nEnvironment=OLLAMA_HOST=127.0.0.1:11435\n") {
			t.Errorf("the service is\n%s", service)
		}
		file := filepath.Join(t.TempDir(), serviceFile)
		plugintest.Write(t, file, service, 0o644)
		verify, err := exec.LookPath("systemd-analyze")
		if err != nil {
			t.Skip("no systemd here to read it")
		}
		if out, err := exec.Command(verify, "verify", file).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s\n%s", err, out, service)
		}
	}
}

func TestUnitRefuses(t *testing.T) {
	for _, prefix := range []string{"/opt/x\nExecStartPre=/bin/false", `/opt/"x"`, "/opt/x'", `/opt/\x`} {
		if text, err := unit(prefix, ServiceAlone); err == nil {
			t.Errorf("%q: %s", prefix, text)
		}
	}
}
