package convert_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/convert"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// run converts in to out without showing progress.
func run(in, out string, change ...func(*convert.Options)) (convert.Summary, error) {
	o := convert.Defaults()
	o.Input, o.Output, o.ToolVersion = in, out, "test"
	for _, c := range change {
		c(&o)
	}
	return convert.Convert(context.Background(), o, progress.New(io.Discard))
}

func force(o *convert.Options) { o.Force = true }

func plain(o *convert.Options) { o.Plain = true }

// refused checks that a conversion fails with want and a hint, and changes neither dir nor the input.
func refused(t *testing.T, in, out, want string, change ...func(*convert.Options)) {
	t.Helper()
	dir := filepath.Dir(out)
	before, sum := names(dir), digest(t, in)
	_, err := run(in, out, change...)
	hinttest.Check(t, err, want)
	if after := names(dir); after != before {
		t.Errorf("the folder had %q before and has %q now", before, after)
	}
	if digest(t, in) != sum {
		t.Error("the input changed")
	}
}

func names(dir string) string {
	entries, _ := os.ReadDir(dir)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

func digest(t *testing.T, path string) [sha256.Size]byte {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil || info.Size() > 1<<30 { // sparse files of terabytes are not read
		return [sha256.Size]byte{}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data)
}

func TestBadInput(t *testing.T) {
	model := gguftest.Model(40, 32).Bytes()
	converted := gguftest.Model(40, 32)
	converted.KVs = append(converted.KVs, gguftest.V("flashhead.version", uint32(2)))
	biased := gguftest.Model(40, 32)
	biased.Tensors = append(biased.Tensors, gguftest.T("output.bias", gguftest.TypeF32, make([]byte, 4*40), 40))
	for name, c := range map[string]struct {
		data   []byte
		want   string
		change func(*convert.Options)
	}{
		"already converted": {converted.Bytes(), "already converted", nil},
		"tiny vocabulary":   {gguftest.Model(64, 32).Bytes(), "less than two clusters of 64", nil},
		"tiny and plain":    {gguftest.Model(16, 32).Bytes(), "less than two clusters of 16", plain},
		"biased and plain":  {biased.Bytes(), "has a bias, by which a plain head cannot choose", plain},
		"large clusters":    {model, "less than two clusters of 40", func(o *convert.Options) { o.ClusterSize = 40 }},
		"wide centroids": {model, "multiple of 256", func(o *convert.Options) {
			o.CentroidType, o.ClusterSize = "q4_K", 16
		}},
		"odd and plain": {model, "not a type for centroids", func(o *convert.Options) {
			o.CentroidType, o.Plain = "q9", true
		}},
		"no native tool for codes": {model, "llama-flashhead was not found", func(o *convert.Options) {
			o.LibDir, o.ClusterSize, o.NoCalibrate = "nowhere", 16, true
		}},
		"no native tool for clusters": {model, "llama-flashhead was not found", func(o *convert.Options) {
			o.LibDir, o.Plain = "nowhere", true
		}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.change == nil {
				c.change = func(*convert.Options) {}
			}
			refused(t, gguftest.Write(t, "in.gguf", c.data), filepath.Join(t.TempDir(), "out.gguf"), c.want, c.change)
		})
	}
	_, err := run(t.TempDir(), "out.gguf")
	hinttest.Check(t, err, "is not a file")
}

func TestBadOutput(t *testing.T) {
	in := gguftest.Write(t, "in.gguf", gguftest.Model(130, 32).Bytes())
	dir := filepath.Dir(in)
	link, hard, other := filepath.Join(dir, "link.gguf"), filepath.Join(dir, "hard.gguf"), filepath.Join(dir, "other.gguf")
	if err := os.Symlink(in, link); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(in, hard); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, []byte("precious"), 0o644); err != nil {
		t.Fatal(err)
	}
	refused(t, in, in, "is the input itself")
	refused(t, in, in, "is the input itself", force)
	refused(t, in, link, "is the input itself", force)
	refused(t, in, hard, "is the input itself", force)
	refused(t, link, in, "is the input itself", force)
	refused(t, in, other, "exists already")
	refused(t, in, dir, "exists and is not a regular file", force)
	refused(t, in, filepath.Join(dir, "no", "out.gguf"), "no such file or directory")
	refused(t, in, filepath.Join(other, "out.gguf"), "not a directory")
	if data, err := os.ReadFile(other); err != nil || !bytes.Equal(data, []byte("precious")) {
		t.Errorf("the other file has %q, %v", data, err)
	}
}

func TestDefaultOutput(t *testing.T) {
	for in, want := range map[string]string{"a/m.gguf": "a/m-flashhead.gguf", "m.GGUF": "m-flashhead.gguf",
		"sha256-ab.c": "sha256-ab.c-flashhead.gguf"} {
		if got := convert.DefaultOutput(in); got != want {
			t.Errorf("DefaultOutput(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		want   string
		change func(*convert.Options)
	}{
		{"the name of a GGUF file is missing", func(o *convert.Options) { o.Input = "" }},
		{"the cluster size must be 2 to 1024, not 1", func(o *convert.Options) { o.ClusterSize = 1 }},
		{"the cluster size must be 2 to 1024, not 1025", func(o *convert.Options) { o.ClusterSize = 1025 }},
		{"iterations must be 1 to 1000, not -1", func(o *convert.Options) { o.Iterations = -1 }},
		{"threads must be 1 to 4096, not 0", func(o *convert.Options) { o.Threads = 0 }},
		{"probes must be at least 1, not -1", func(o *convert.Options) { o.Probes = -1 }},

		{"a target agreement of 0.5 is not above 0.5", func(o *convert.Options) { o.Targets.Agreement = 0.5 }},
		{"a target KLD of -1 nats is not above 0", func(o *convert.Options) { o.Targets.KLD = -1 }},
		{`no quality is called "best"`, func(o *convert.Options) { o.Quality = "best" }},

		{"a plain head has no codes", func(o *convert.Options) { o.Plain, o.Quality = true, "high" }},
		{"a head that is not calibrated", func(o *convert.Options) { o.Plain, o.Calibrate = true, []string{"t"} }},
		{"targets need a calibration", func(o *convert.Options) { o.Plain, o.Targets.KLD = true, 0.1 }},
		{"a head that is not calibrated", func(o *convert.Options) { o.NoCalibrate, o.Calibrate = true, []string{"t"} }},
		{"targets need a calibration", func(o *convert.Options) { o.NoCalibrate, o.Targets.Agreement = true, 0.9 }},
	} {
		o := convert.Defaults()
		o.Input = "in.gguf"
		if err := o.Validate(); err != nil {
			t.Fatalf("the defaults: %v", err)
		}
		c.change(&o)
		if err := o.Validate(); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, not %q", err, c.want)
		}
	}
	for name, change := range map[string]func(*convert.Options){
		"a calibration": func(o *convert.Options) {
			o.Calibrate, o.Quality, o.Targets = []string{"t", "u"}, "high", flashhead.Targets{Agreement: 1, KLD: 0.1}
		},
		"none":  func(o *convert.Options) { o.NoCalibrate, o.Quality = true, "high" },
		"plain": plain,
	} {
		o := convert.Defaults()
		o.Input = "in.gguf"
		if change(&o); o.Validate() != nil {
			t.Errorf("%s: %v", name, o.Validate())
		}
	}
}
