package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// systemd itself reads the service, of a folder with all that needs quoting, too.
func TestUnit(t *testing.T) {
	for _, name := range []string{"flashhead", `two words 100% $HOME %h`} {
		prefix := filepath.Join(t.TempDir(), name)
		bin := filepath.Join(prefix, "bin")
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bin, "ollama"), []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		text, err := Unit(prefix, []string{"User=root", `Environment="OLLAMA_MODELS=/srv/two words"`})
		if err != nil {
			t.Fatal(err)
		}
		unit := string(text)
		if strings.Contains(unit, "@") || !strings.Contains(unit, "\nUser=root\nEnvironment=\"OLLAMA_MODELS=/srv/two words\"\nRestart=") || !strings.Contains(unit, "\nEnvironment=OLLAMA_HOST=127.0.0.1:11435\n") {
			t.Errorf("the service is\n%s", unit)
		}
		file := filepath.Join(t.TempDir(), UnitName)
		if err := os.WriteFile(file, []byte(unit), 0o644); err != nil {
			t.Fatal(err)
		}
		verify, err := exec.LookPath("systemd-analyze")
		if err != nil {
			t.Skip("no systemd here to read it")
		}
		if out, err := exec.Command(verify, "verify", file).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s\n%s", err, out, unit)
		}
	}
}

func TestUnitRefuses(t *testing.T) {
	for _, prefix := range []string{"/opt/x\nExecStartPre=/bin/false", `/opt/"x"`, "/opt/x'", `/opt/\x`} {
		if text, err := Unit(prefix, Alone); err == nil {
			t.Errorf("%q: %s", prefix, text)
		}
	}
}
