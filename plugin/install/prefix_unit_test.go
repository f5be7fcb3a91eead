package install

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
		if err := os.WriteFile(file, []byte(service), 0o644); err != nil {
			t.Fatal(err)
		}
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
