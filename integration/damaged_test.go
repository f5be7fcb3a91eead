package integration

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/flashhead/flashheadtest"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// damagedFiles writes converted files with invalid keys, and returns their paths by the damage.
func damagedFiles(t *testing.T) map[string]string {
	t.Helper()
	f, _, sound := flashheadtest.Open(t, converted(t))
	instead := func(p *flashhead.Parameters, value gguf.NewValue) []gguf.NewValue {
		keys := p.Keys()
		i := slices.IndexFunc(keys, func(v gguf.NewValue) bool { return v.Key() == value.Key() })
		keys[i] = value
		return keys
	}
	files := map[string]string{}
	for name, damage := range map[string]func(*flashhead.Parameters) []gguf.NewValue{
		"unknown version": func(p *flashhead.Parameters) []gguf.NewValue {
			return instead(p, gguf.U32(flashhead.KeyVersion, 99))
		},
		// ggml aborts when it quantises centroids to this type
		"type for activations": func(p *flashhead.Parameters) []gguf.NewValue {
			return instead(p, gguf.Str(flashhead.KeyCentroidType, "q8_1"))
		},
		"type of several lines": func(p *flashhead.Parameters) []gguf.NewValue {
			return instead(p, gguf.Str(flashhead.KeyCentroidType, "q4_0\nmore text"))
		},
		"cluster out of range": func(p *flashhead.Parameters) []gguf.NewValue {
			p.Assignments[31999] = 1 << 31
			return p.Keys()
		},
		"empty cluster": func(p *flashhead.Parameters) []gguf.NewValue {
			for i, k := range p.Assignments {
				if k == 7 {
					p.Assignments[i] = 8
				}
			}
			return p.Keys()
		},
		"short map": func(p *flashhead.Parameters) []gguf.NewValue {
			p.Assignments = p.Assignments[:100]
			return p.Keys()
		},
		"too many probes": func(p *flashhead.Parameters) []gguf.NewValue {
			p.Probes = p.Clusters + 1
			return p.Keys()
		},
		"pinned token out of range": func(p *flashhead.Parameters) []gguf.NewValue {
			p.Pinned = []uint32{0, 32000}
			return p.Keys()
		},
		"keys missing": func(p *flashhead.Parameters) []gguf.NewValue {
			return []gguf.NewValue{gguf.U32(flashhead.KeyVersion, flashhead.FormatVersion)}
		},
	} {
		p := sound
		p.Assignments = slices.Clone(sound.Assignments)
		path := filepath.Join(t.TempDir(), strings.ReplaceAll(name, " ", "-")+".gguf")
		rewrite(t, f, path, damage(&p))
		files[name] = path
	}
	return files
}

// rewrite writes f to path with keys in place of its own FlashHead keys.
func rewrite(t *testing.T, f *gguf.File, path string, keys []gguf.NewValue) {
	t.Helper()
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if err := f.Rewrite(out, flashhead.IsKey, keys, func(int64, int64) error { return nil }); err != nil {
		t.Fatal(err)
	}
}

// A file with damaged keys loads, is logged once, and gives the dense model's answers.
func TestDamagedKeysRunDense(t *testing.T) { onHosts(t, damagedKeysRunDense) }

func damagedKeysRunDense(t *testing.T, h host) {
	o := serve(t, h)
	register(t, o, "dense", trainedModel)
	want := generate(t, o, "dense", prompt, 48).Response
	for name, file := range damagedFiles(t) {
		t.Run(name, func(t *testing.T) {
			model := filepath.Base(strings.TrimSuffix(file, ".gguf"))
			register(t, o, model, file)
			before := o.Log()
			got := generate(t, o, model, prompt, 48).Response
			if got != want {
				t.Errorf("it answers %q, dense %q", got, want)
			}
			log := strings.TrimPrefix(o.Log(), before)
			var said []string
			for line := range strings.Lines(log) {
				if strings.Contains(line, "flash_head:") {
					said = append(said, line)
				}
			}
			if len(said) != 1 || !strings.Contains(said[0], "running dense") {
				t.Errorf("the log says %q", said)
			}
		})
	}
}
