package install

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A service that somebody edited stays, and stops neither an upgrade nor a later installation: ours lies beside it.
func TestEditedService(t *testing.T) {
	above := t.TempDir()
	dir := filepath.Join(above, "flashhead")
	installPrefix(t, built(t, first), dir)
	lay(t, dir, map[string]string{unitName: "edited"})

	for _, c := range []struct {
		files   map[string]string
		service string
	}{{second, "User=ann"}, {first, "User=bob"}} {
		r, err := Prefix(t.Context(), PrefixOptions{From: built(t, c.files), Dir: dir, Service: []string{c.service}})
		if err != nil || r.Beside != filepath.Join(dir, besideName) {
			t.Fatalf("an upgrade: %+v, %v", r, err)
		}
		got := laid(t, dir)
		if got[unitName] != "edited" || !strings.Contains(got[besideName], c.service) ||
			got["bin/ollama"] != c.files["bin/ollama"] {
			t.Errorf("after an upgrade the service is %q, beside it %q", got[unitName], got[besideName])
		}
	}
	kept := []string{filepath.Join(dir, unitName)}
	if r := uninstallPrefix(t, dir); !slices.Equal(r.Kept, kept) {
		t.Errorf("kept %q", r.Kept)
	}
	expect(t, above, map[string]string{".": "/", "flashhead": "/", "flashhead/share": "/",
		"flashhead/share/fh-ollama": "/", "flashhead/" + unitName: "edited"})

	// afterwards it is nobody's, and stays
	if r := installPrefix(t, built(t, first), dir); r.Beside == "" {
		t.Errorf("a new installation: %+v", r)
	}
	uninstallPrefix(t, dir)
	expect(t, above, map[string]string{".": "/", "flashhead": "/", "flashhead/share": "/",
		"flashhead/share/fh-ollama": "/", "flashhead/" + unitName: "edited"})
}

// Who takes an edit back, or takes over what lies beside, has one service again.
func TestServiceAsBefore(t *testing.T) {
	for _, from := range []string{unitName, besideName} {
		above := t.TempDir()
		dir := filepath.Join(above, "flashhead")
		installPrefix(t, built(t, first), dir)
		ours := laid(t, dir)[unitName]
		lay(t, dir, map[string]string{unitName: "edited"})
		r, err := Prefix(t.Context(), PrefixOptions{From: built(t, second), Dir: dir, Service: []string{"User=ann"}})
		if err != nil {
			t.Fatal(err)
		}
		if from == besideName {
			ours = laid(t, dir)[besideName]
		}
		lay(t, dir, map[string]string{unitName: ours})
		if r, err = Prefix(t.Context(), PrefixOptions{From: built(t, second), Dir: dir,
			Service: []string{"User=ann"}}); err != nil || r.Beside != "" {
			t.Fatalf("%+v, %v", r, err)
		}
		got := laid(t, dir)
		if !strings.Contains(got[unitName], "User=ann") || got[besideName] != "" {
			t.Errorf("the service is %q, beside it %q", got[unitName], got[besideName])
		}
		if r := uninstallPrefix(t, dir); len(r.Kept) > 0 {
			t.Errorf("kept %q", r.Kept)
		}
		expect(t, above, map[string]string{".": "/"})
	}
}
