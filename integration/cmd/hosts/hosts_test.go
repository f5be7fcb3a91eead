package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/ggmlhead"
	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/upstream"
	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

func TestWanted(t *testing.T) {
	all, err := wanted(nil)
	if err != nil || len(all) < 3 {
		t.Fatalf("%d releases, %v", len(all), err)
	}
	last := all[len(all)-1].Version
	if some, err := wanted([]string{last}); err != nil || len(some) != 1 || some[0].Version != last {
		t.Errorf("%v, %v", some, err)
	}
	if _, err := wanted([]string{last, "v0.1.0"}); err == nil || !strings.Contains(err.Error(), "v0.1.0") {
		t.Errorf("an unknown version: %v", err)
	}
}

// Every pair in the plug-in's list is a pinned release with the ggml of its sources.
func TestListIsOfPinnedReleases(t *testing.T) {
	list, err := fs.ReadFile(ggmlhead.Sources, "hosts/plugin/flash-head-hosts.inc")
	if err != nil {
		t.Fatal(err)
	}
	own, err := source.ParsePins(thirdparty.Pins)
	if err != nil {
		t.Fatal(err)
	}
	pins, err := source.ParseHosts(thirdparty.Hosts)
	if err != nil {
		t.Fatal(err)
	}
	checked := []string{own.LlamaCpp.GGML + " " + own.Ollama.Version}
	for _, p := range pins {
		checked = append(checked, p.LlamaCpp.GGML+" "+p.Version)
	}
	lines := regexp.MustCompile(`(?m)^FLASH_HEAD_HOST\("([^"]+)", "([^"]+)", "([^"]+)"\)`).
		FindAllStringSubmatch(string(list), -1)
	if len(lines) == 0 {
		t.Fatalf("the list has no pair:\n%s", list)
	}
	for _, l := range lines {
		if pair := l[1] + " v" + l[3]; !slices.Contains(checked, pair) {
			t.Errorf("%s: third_party/hosts.toml has %q", l[0], checked)
		}
	}
}

// The stock build takes the place of a release. With the plug-in all checks pass; with an inactive plug-in those that
// need it fail.
func TestChecks(t *testing.T) {
	testlevel.Long(t)
	if testing.Short() {
		t.Skip("needs whole builds; not with -short")
	}
	t.Chdir("../../..")
	dist, stock := absolute(t, "FH_OLLAMA_DIST", "dist"), absolute(t, "FH_OLLAMA_STOCK", "dist-stock")
	pinned, err := newReference(t.Context(), dist, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	h, err := layOut(stock, dist, filepath.Join(dir, "prefix"))
	if err != nil {
		t.Fatal(err)
	}
	pin, made := source.HostPin{Version: "v9.9.9"}, upstream.HostBuild{Relied: 2}
	r := newRow(pin, made)
	if err := r.addChecks(t.Context(), &check{host: h, pinned: pinned, dir: dir}); err != nil {
		t.Fatal(err)
	}
	if len(r.findings) > 0 {
		t.Errorf("the stock build: %q", r.findings)
	}
	if table := markdown([]row{r}); strings.Count(table, "|") != 3*(len(columns)+1) {
		t.Errorf("a table with other columns:\n%s", table)
	}

	h.plugin = append(h.plugin, "FLASHHEAD_ENABLED=0")
	made.Test = errors.New("it crashes")
	r = newRow(pin, made)
	if err := r.addChecks(t.Context(), &check{host: h, pinned: pinned, dir: filepath.Join(dir, "rests")}); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"plug-in's test", "all clusters", "few clusters", "in Ollama"} {
		if !slices.ContainsFunc(r.findings,
			func(f string) bool { return strings.HasPrefix(f, fmt.Sprintf("v9.9.9, %s: ", part)) }) {
			t.Errorf("a plug-in that rests passes %q: %q", part, r.findings)
		}
	}
	if !strings.Contains(strings.Join(r.findings, "\n"), "FLASHHEAD_ENABLED=0") {
		t.Errorf("no finding has the log's line: %q", r.findings)
	}
}

// absolute returns the build that a variable names, or the one in the checkout.
func absolute(t *testing.T, variable, standard string) harness.Prefix {
	t.Helper()
	if v := os.Getenv(variable); v != "" {
		standard = v
	}
	abs, err := filepath.Abs(standard)
	if err != nil {
		t.Fatal(err)
	}
	return harness.Prefix(abs)
}
