package integration

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/evaluation"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/flashhead/flashheadtest"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// halves writes every other piece of the held-out text to one file, the rest to another.
func halves(t *testing.T) (first, second string) {
	t.Helper()
	text, err := os.ReadFile(heldoutText)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	paths := []string{filepath.Join(dir, "first.txt"), filepath.Join(dir, "second.txt")}
	var parts [2][]byte
	i := 0
	for piece := range slices.Chunk(text, 8000) {
		parts[i%2] = append(parts[i%2], piece...)
		i++
	}
	for i, path := range paths {
		if err := os.WriteFile(path, parts[i], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return paths[0], paths[1]
}

// calibratedOf returns the parameters of a calibrated file.
func calibratedOf(t *testing.T, path string) flashhead.Parameters {
	t.Helper()
	_, _, p := flashheadtest.Open(t, path)
	if p.Calibration == nil {
		t.Fatal("there is no calibration")
	}
	return p
}

// A user calibrates with one text, and the results hold on another. The calibrated head is far better than the plain
// one at P = K/16. The plug-in, which uses Ollama's programs, gives the same file.
func TestCalibrate(t *testing.T) {
	testlevel.Long(t)
	text, other := halves(t)
	var files []string
	onBothHosts(t, func(t *testing.T, h host) {
		out := filepath.Join(t.TempDir(), "calibrated.gguf")
		convertFile(t, h, trainedModel, out, "--calibrate", text, "--threads", "2")
		file, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if files = append(files, string(file)); len(files) == 1 {
			promised(t, h, out, other)
		}
	})
	if len(files) == 2 && files[0] != files[1] {
		t.Error("the plug-in's calibration is another")
	}
}

// promised compares the results in a calibrated file with those on another text, and with a plain file.
func promised(t *testing.T, h host, file, text string) {
	p := calibratedOf(t, file)
	kinds := p.Calibration.Kinds
	own := kinds[len(kinds)-1]
	if own.Name != "first.txt" || own.SameTop < 0.98 || !p.Codes.There() || p.Clusters != 500 || p.Probes != 6 {
		t.Errorf("%d clusters, P = %d, %d bits, %+v", p.Clusters, p.Probes, p.Codes.CoarseBits, kinds)
	}
	points := func(file string, probes string) func(p uint32) evaluation.Point {
		// 3048 positions
		r := evaluateFile(t, h, file, "--text", text, "--chunks", "24", "--probes", probes, "--predict", "0")
		return func(p uint32) evaluation.Point {
			return r.Points[slices.IndexFunc(r.Points, func(point evaluation.Point) bool { return point.Probes == int(p) })]
		}
	}
	fine, plain := points(file, "500"), points(converted(t), "125")
	found, all, few := fine(p.Probes), fine(500), plain(125)
	// up to chance and the different text
	if low, high := found.SameTop.Interval(); high < float64(own.SameTop)-0.005 || low > float64(own.SameTop)+0.01 {
		t.Errorf("same top %.4f, promised were %.4f", found.SameTop.Share(), own.SameTop)
	}
	if found.KLD.Mean > 3*float64(own.KLD)+0.01 {
		t.Errorf("KLD %.4f, promised were %.4f", found.KLD.Mean, own.KLD)
	}
	if found.KLD.Mean > few.KLD.Mean/3 || found.SameTop.Share() < few.SameTop.Share()-0.005 {
		t.Errorf("plain: %+v\ncalibrated: %+v", few, found)
	}
	t.Logf("at %d bytes: KLD %.4f, same top %.4f, best 40 %.4f; plain, %d bytes: %.4f, %.4f, %.4f",
		found.HeadBytes, found.KLD.Mean, found.SameTop.Share(), found.Top40.Share(),
		few.HeadBytes, few.KLD.Mean, few.SameTop.Share(), few.Top40.Share())
	if all.KLD.Max > 1e-3 || all.SameTop.Share() < 0.9999 {
		t.Errorf("P = K: %+v", all)
	}
}
