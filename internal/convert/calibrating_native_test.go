package convert_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/convert"
)

// someText writes some pages of a text that the bundled model was not trained on: 12 chunks.
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

// TestNativeCalibrate calibrates the small trained model: what was found is in the file, the same whatever the number
// of threads, and nothing is left behind.
func TestNativeCalibrate(t *testing.T) {
	lib, text, dir := native(t), someText(t), t.TempDir()
	t.Setenv("FH_OLLAMA_CACHE", t.TempDir())
	calibrate := func(threads int) func(*convert.Options) {
		return func(o *convert.Options) { o.Calibrate, o.Threads, o.Iterations = text, threads, 3 }
	}
	one, two := filepath.Join(dir, "1"), filepath.Join(dir, "2")
	summary, err := run(demoModel, one, lib, calibrate(1))
	if err != nil {
		t.Fatal(err)
	}
	p := checkConverted(t, demoModel, one, summary)
	if p.Clusters != 500 || p.ClusterSize != 64 || p.Sketch.Rank != 24 || len(p.Sketch.Rows) != 24*256 {
		t.Errorf("%d clusters of %d, sketch of rank %d", p.Clusters, p.ClusterSize, p.Sketch.Rank)
	}
	c := p.Calibration
	data, err := os.ReadFile(text)
	sum := sha256.Sum256(data)
	if err != nil || c.TextName != "some.txt" || c.TextSHA256 != hex.EncodeToString(sum[:]) || c.Tokens != 12*240 ||
		c.HeldOut != 6*240 || c.Target != 0.998 {
		t.Errorf("%+v, %v", c, err)
	}
	// so few positions make P a matter of one or two of them
	if p.Probes < 16 || p.Probes > 250 || !c.Reached || c.Agreement < 0.998 || c.AgreementLow >= c.Agreement ||
		c.AgreementHigh <= c.Agreement || c.Top40 < 0.98 {
		t.Errorf("P = %d, %+v", p.Probes, c)
	}
	if text := summary.String(); !strings.Contains(text, "\nsketch     rank 24\n") ||
		!strings.Contains(text, "\nagreement  99.") ||
		!strings.Contains(text, "\ncalibrated with some.txt: 1440 positions, ") {
		t.Errorf("the summary does not say what was found:\n%s", text)
	}
	if _, err := run(demoModel, two, lib, calibrate(2)); err != nil {
		t.Fatal(err)
	}
	if digest(t, one) != digest(t, two) {
		t.Error("the number of threads changes the file")
	}
	refused(t, demoModel, filepath.Join(dir, "3"), "the text is too short: it has ", lib, func(o *convert.Options) {
		o.Calibrate = filepath.Join(t.TempDir(), "short.txt")
		if err := os.WriteFile(o.Calibrate, data[:3000], 0o600); err != nil {
			t.Fatal(err)
		}
	})
	if left := names(filepath.Join(os.Getenv("FH_OLLAMA_CACHE"), "temporary")); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// TestNativePlainCalibration has no sketch: tokens that are often missed are pinned, and P is what the target needs. A
// target that is out of reach is said to be, and so is what the user's own P reaches.
func TestNativePlainCalibration(t *testing.T) {
	lib, text := native(t), someText(t)
	make := func(change ...func(*convert.Options)) convert.Summary {
		t.Helper()
		s, err := run(demoModel, filepath.Join(t.TempDir(), "out"), append(change, lib, func(o *convert.Options) {
			o.Calibrate, o.Threads, o.Iterations, o.SketchRank = text, 2, 3, 0
		})...)
		if err != nil {
			t.Fatal(err)
		}
		if p := checkConverted(t, demoModel, s.Output, s); p.Sketch.Rank != 0 || p.Clusters != 2000 {
			t.Errorf("sketch of rank %d, %d clusters", p.Sketch.Rank, p.Clusters)
		}
		return s
	}
	target := func(a float64) func(*convert.Options) { return func(o *convert.Options) { o.Agreement = a } }
	low := make(target(0.97)).Parameters // with room for what a few positions make of it on another processor
	high := make(target(0.9999))
	if !low.Calibration.Reached || low.Calibration.Agreement < 0.97 || low.Probes < 32 ||
		low.Probes >= high.Parameters.Probes {
		t.Errorf("P = %d, %+v", low.Probes, low.Calibration)
	}
	if c := high.Parameters.Calibration; c.Reached || c.Agreement < low.Calibration.Agreement ||
		high.Parameters.Probes > 500 ||
		!strings.Contains(high.String(), "\nnote       the target of 99.99 % was not reached\n") {
		t.Errorf("P = %d, %+v\n%s", high.Parameters.Probes, c, high)
	}
	own := make(target(0.99), func(o *convert.Options) { o.Probes = 20 }).Parameters
	if own.Probes != 20 || own.Calibration.Reached || own.Calibration.Agreement >= low.Calibration.Agreement ||
		own.Calibration.Agreement < 0.9 {
		t.Errorf("P = %d, %+v", own.Probes, own.Calibration)
	}
	if n := int(own.Calibration.Pinned); n != len(own.Pinned)-3 || !slices.IsSorted(own.Pinned) {
		t.Errorf("%d tokens pinned, of these %d for the text", len(own.Pinned), n)
	}
}
