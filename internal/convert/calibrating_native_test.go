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
	if n := len(p.Codes.Variances); p.Clusters != 500 || p.ClusterSize != 64 || p.Codes.CoarseBits != 192 ||
		p.Codes.FineBytes != 32 || n < 39 || len(p.Codes.Rows) != n*256 {
		t.Errorf("%d clusters of %d, codes of %d bits and %d bytes, %d directions", p.Clusters, p.ClusterSize,
			p.Codes.CoarseBits, p.Codes.FineBytes, n)
	}
	c := p.Calibration
	data, err := os.ReadFile(text)
	sum := sha256.Sum256(data)
	if err != nil || c.TextName != "some.txt" || c.TextSHA256 != hex.EncodeToString(sum[:]) || c.Tokens != 12*240 ||
		c.HeldOut != 6*240 || c.Target != 0.998 {
		t.Errorf("%+v, %v", c, err)
	}
	// so few positions make P a matter of one or two of them
	if p.Probes < 8 || p.Probes > 125 || !c.Reached || c.Agreement < 0.998 || c.AgreementLow >= c.Agreement ||
		c.AgreementHigh < c.Agreement || len(c.Kinds) != 1 || c.Kinds[0].Name != "some.txt" || c.Kinds[0].KLD > 0.1 {
		t.Errorf("P = %d, %+v", p.Probes, c)
	}
	if text := summary.String(); !strings.Contains(text, "\ncodes      192 bits, then 32 bytes for 4000 tokens\n") ||
		!strings.Contains(text, "\nagreement  ") ||
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

// TestNativeTarget aims at different agreements: one that is out of reach is said to be, and so is what the user's own P
// reaches.
func TestNativeTarget(t *testing.T) {
	lib, text := native(t), someText(t)
	make := func(change ...func(*convert.Options)) convert.Summary {
		t.Helper()
		s, err := run(demoModel, filepath.Join(t.TempDir(), "out"), append(change, lib, func(o *convert.Options) {
			o.Calibrate, o.Threads, o.Iterations = text, 2, 3
		})...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	low := make(func(o *convert.Options) { o.Agreement = 0.97 }).Parameters
	if !low.Calibration.Reached || low.Calibration.Agreement < 0.97 || low.Probes < 8 {
		t.Errorf("P = %d, %+v", low.Probes, low.Calibration)
	}
	own := make(func(o *convert.Options) { o.Agreement, o.Probes = 1, 1 })
	if c := own.Parameters.Calibration; own.Parameters.Probes != 1 || c.Reached || c.Agreement >= 1 || c.Agreement < 0.9 ||
		c.Kinds[0].KLD <= low.Calibration.Kinds[0].KLD ||
		!strings.Contains(own.String(), "\nnote       the target of 100.00 % was not reached\n") {
		t.Errorf("P = %d, %+v\n%s", own.Parameters.Probes, c, own)
	}
}
