package convert_test

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/convert"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// someText writes some pages of a text that the bundled model was not trained on.
func someText(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../integration/testdata/heldout.txt")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "some.txt")
	if err := os.WriteFile(path, data[:12_500], 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestNativeCalibrate calibrates the small trained model: the file has the results, the number of threads does not
// change them, and no files are left behind.
func TestNativeCalibrate(t *testing.T) {
	lib, text, dir := native(t), someText(t), t.TempDir()
	t.Setenv("FH_OLLAMA_CACHE", t.TempDir())
	calibrate := func(threads int) func(*convert.Options) {
		return func(o *convert.Options) { o.Calibrate, o.Threads, o.Iterations = []string{text}, threads, 3 }
	}
	one, two := filepath.Join(dir, "1"), filepath.Join(dir, "2")
	summary, err := run(demoModel, one, lib, calibrate(2))
	if err != nil {
		t.Fatal(err)
	}
	p := checkConverted(t, demoModel, one, summary)
	if p.Clusters != 500 || p.ClusterSize != 64 || p.Probes != 6 || p.Codes.CoarseBits != 160 || p.Codes.FineBytes != 32 ||
		p.Codes.Directions > 96 || p.Codes.Directions < 32 || slices.Max(p.Codes.Weights) <= slices.Min(p.Codes.Weights) {
		t.Errorf("%d clusters of %d, P = %d, codes of %d bits and %d bytes, %d directions", p.Clusters, p.ClusterSize,
			p.Probes, p.Codes.CoarseBits, p.Codes.FineBytes, p.Codes.Directions)
	}
	c := p.Calibration
	if c.TextName != "builtin, some.txt" || len(c.TextSHA256) != 64 || c.Tokens < 3000 || c.HeldOut < 1000 ||
		!c.Reached || c.Any() || c.Near < 3200 || c.Exact < 384 {
		t.Errorf("%+v", c)
	}
	if len(c.Kinds) != 12 || c.Kinds[0].Name != "chat" || c.Kinds[11].Name != "some.txt" {
		t.Fatalf("%+v", c.Kinds)
	}
	if english := c.Kinds[4]; english.Name != "english" || english.SameTop < 0.97 || english.KLD > 0.1 ||
		english.KLD <= 0 {
		t.Errorf("%+v", english) // the model knows only English
	}
	for _, want := range []string{"\ncodes      160 bits a token, 32 bytes more for the best 3200\n",
		"\nexact      384 tokens (P = 6), and 3 pinned\ntolerance  0.", "\ncalibrated with builtin, some.txt: ",
		"\n           english    same top "} {
		if !strings.Contains(summary.String(), want) {
			t.Errorf("%q is not in the summary:\n%s", want, summary)
		}
	}
	if os.Getenv(testlevel.Variable) != "" { // a second run takes as long
		if _, err := run(demoModel, two, lib, calibrate(1)); err != nil {
			t.Fatal(err)
		}
		if digest(t, one) != digest(t, two) {
			t.Error("the number of threads changes the file")
		}
	}
	o := convert.Defaults()
	o.Input, o.Output, o.ToolVersion = demoModel, one, "test"
	for _, threads := range []int{1, 2} {
		calibrate(threads)(&o)
		if made, err := convert.Made(t.Context(), o, progress.New(io.Discard)); !made || err != nil {
			t.Errorf("made %t, %v", made, err)
		}
	}
	o.Calibrate = nil
	if made, err := convert.Made(t.Context(), o, progress.New(io.Discard)); made || err != nil {
		t.Errorf("with other text: made %t, %v", made, err)
	}
	refused(t, demoModel, filepath.Join(dir, "3"), "short.txt: the text is too short: it has ", lib,
		func(o *convert.Options) {
			o.Calibrate = []string{filepath.Join(t.TempDir(), "short.txt")}
			if err := os.WriteFile(o.Calibrate[0], []byte("Hardly a text."), 0o600); err != nil {
				t.Fatal(err)
			}
		})
	if left := names(filepath.Join(os.Getenv("FH_OLLAMA_CACHE"), "temporary")); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// TestNativeTargets has a target that a lower tolerance reaches, and one that no tolerance reaches.
func TestNativeTargets(t *testing.T) {
	testlevel.Long(t)
	lib := native(t)
	make := func(targets flashhead.Targets) convert.Summary {
		t.Helper()
		s, err := run(demoModel, filepath.Join(t.TempDir(), "out"), lib, func(o *convert.Options) {
			o.Targets, o.Threads, o.Iterations = targets, 2, 3
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	start := make(flashhead.Targets{}).Parameters
	worst, _ := start.Calibration.Worst()
	more := make(flashhead.Targets{KLD: 0.5 * worst.KLD}).Parameters
	if c := more.Calibration; !c.Reached || more.Codes.Tolerance >= start.Codes.Tolerance ||
		c.Exact <= start.Calibration.Exact || !c.Targets.Met(c.Kinds) {
		t.Errorf("tolerance %g, %+v", more.Codes.Tolerance, c)
	}
	most := make(flashhead.Targets{KLD: 1e-9})
	if p := most.Parameters; p.Calibration.Reached || p.Codes.Tolerance > 1e-4 ||
		!strings.Contains(most.String(), "\nnote       the target of KLD 1e-09 was not reached\n") {
		t.Errorf("tolerance %g, %+v\n%s", p.Codes.Tolerance, p.Calibration, most)
	}
}
