package page

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/evaluation"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "report.html")
	names := func() (all []string) {
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return all
	}
	abandoned, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if found := names(); len(found) != 1 || !strings.Contains(found[0], ".partial-") {
		t.Errorf("while it is made there are %v", found)
	}
	abandoned.Discard()
	if found := names(); len(found) != 0 {
		t.Errorf("of a page that was given up %v are left", found)
	}

	f, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(evaluation.Report{}); err != nil {
		t.Fatal(err)
	}
	f.Discard() // too late to do anything
	if data, err := os.ReadFile(path); err != nil || !strings.Contains(string(data), "</html>") || len(names()) != 1 {
		t.Errorf("%v, %v: %s", names(), err, data)
	}
	if _, err := Create(path); err == nil || !strings.HasSuffix(err.Error(), "exists already") || hint.Of(err) == "" {
		t.Errorf("an existing file: %v", err)
	}
	if _, err := Create(filepath.Join(dir, "none", "report.html")); err == nil ||
		!strings.Contains(hint.Of(err), "make the folder first") {
		t.Errorf("no folder: %v, %s", err, hint.Of(err))
	}
}
