package trial

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// libDir is a folder that everybody may enter, with a llama-server that says who runs it and what it was given.
func libDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for above := dir; above != os.TempDir() && above != "/"; above = filepath.Dir(above) {
		if err := os.Chmod(above, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	script := "#!/bin/sh\necho flash_head: active for $(id -u) $LD_PRELOAD$LLAMA_ARG_PORT$FLASHHEAD_ENABLED\necho model " +
		"loaded\n"
	if err := os.WriteFile(filepath.Join(dir, "llama-server"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Variables that steer llama-server do not reach it. Root runs the programs of another user with that user's rights,
// and nobody runs what everybody may change.
func TestAccount(t *testing.T) {
	t.Setenv("LD_PRELOAD", "")
	t.Setenv("LLAMA_ARG_PORT", "80")
	t.Setenv("FLASHHEAD_ENABLED", "0")
	try := func(dir, account string) (string, error) {
		return Trial{LibDir: dir, Library: "/x.so", Account: account}.Run(context.Background())
	}
	dir := libDir(t)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if said, err := try(dir, ""); !errors.Is(err, ErrNotTried) || hint.Of(err) == "" {
		t.Errorf("a folder that everybody may write to: %q, %v", said, err)
	}
	if os.Geteuid() != 0 {
		t.Skip("the rest is for root")
	}
	dir = libDir(t)
	if said, err := try(dir, "nobody"); said != "flash_head: active for 65534" || err != nil {
		t.Errorf("for a service's user: %q, %v", said, err)
	}
	if said, err := try(dir, "no such user"); said != "flash_head: active for 0" || err != nil {
		t.Errorf("for a user that systemd makes: %q, %v", said, err)
	}
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if said, err := try(dir, ""); said != "flash_head: active for 65534" || err != nil {
		t.Errorf("in another user's folder: %q, %v", said, err)
	}
	if err := os.Chown(filepath.Join(dir, "llama-server"), 12345, 12345); err != nil {
		t.Fatal(err)
	}
	if said, err := try(dir, ""); !errors.Is(err, ErrNotTried) {
		t.Errorf("of two users: %q, %v", said, err)
	}
}
