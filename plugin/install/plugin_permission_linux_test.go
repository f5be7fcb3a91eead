package install

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// asOther runs f as a user who may read m but change nothing of the system's. For root, to whom that does not apply,
// the thread takes another identity for the files it opens.
func asOther(t *testing.T, m machine, f func()) {
	t.Helper()
	for _, dir := range []string{"usr/local/lib", "usr/local/lib/ollama", "usr/local/lib/fh-ollama", "etc/systemd/system",
		unitFile + ".d"} {
		if m.Exists(dir) {
			if err := os.Chmod(m.Path(dir), 0o555); err != nil {
				t.Fatal(err)
			}
			defer os.Chmod(m.Path(dir), 0o755)
		}
	}
	if os.Geteuid() == 0 {
		for _, open := range []string{m.Options.Places.Root, filepath.Join("/", m.Library)} { // "" is in no folder
			for dir := filepath.Dir(open); dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
				if err := os.Chmod(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := unix.Setfsuid(65534); err != nil {
			t.Skip("no other identity can be taken: ", err)
		}
		defer unix.Setfsuid(0)
	}
	f()
}

func TestNoPermission(t *testing.T) {
	m := newMachine(t)
	m.service()
	asOther(t, m, func() {
		m.refused("you may not write into "+m.Path("usr/local/lib"),
			"run: sudo '/opt/fh ollama/fh-ollama' install --lib "+m.Library+"; then: sudo systemctl daemon-reload && sudo "+
				"systemctl restart ollama")
		beside := m
		beside.IntoLib, beside.Ollama = true, m.Path("usr/local/bin/ollama")
		beside.refused("you may not write into "+m.Path("usr/local/lib/ollama"),
			"run: sudo '/opt/fh ollama/fh-ollama' install --into-lib --ollama "+beside.Ollama+" --lib "+m.Library)
	})
	m.install()
	before := m.Tree()
	asOther(t, m, func() {
		_, err := UninstallPlugin(context.Background(), m.Options)
		if err == nil || !strings.Contains(err.Error(), "you may not remove files") ||
			hint.Of(err) != "run: sudo '/opt/fh ollama/fh-ollama' uninstall" {
			t.Errorf("%v, %q", err, hint.Of(err))
		}
	})
	if m.Tree() != before {
		t.Error("something was removed")
	}
}

// An uninstall that failed half way can be repeated.
func TestFailedUninstall(t *testing.T) {
	m := newMachine(t)
	m.service()
	before := m.Tree()
	m.install()
	if err := os.Chmod(m.Path(filepath.Dir(systemLibrary)), 0o777); err != nil {
		t.Fatal(err)
	}
	asOther(t, m, func() {
		receipts, err := readReceipts(m.Options.Places)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := receipts[1].uninstall(false); err == nil {
			t.Error("no error")
		}
	})
	if m.Exists(systemLibrary) || !m.Exists(dropInFile) || !m.Exists("usr/local/lib/fh-ollama/"+receiptName) {
		t.Errorf("it leaves\n%s", m.Tree())
	}
	shows(t, m.uninstall(), "removed "+m.Path(dropInFile))
	m.holds(before)
}
