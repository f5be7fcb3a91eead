package mapfile_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
	"github.com/fh-ollama/fh-ollama/internal/mapfile/mapfiletest"
)

// place writes a model, and the map of another one beside it, and returns both paths.
func place(t *testing.T, dir, name string, model, other []byte, change ...func(*flashhead.Parameters)) (path,
	file string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, model, 0o644); err != nil {
		t.Fatal(err)
	}
	file = mapfile.Path(path)
	source, _ := mapfile.Blob(path)
	mapfiletest.Write(t, file, source, []string{gguftest.Write(t, "other.gguf", other)}, change...)
	return path, file
}

func open(t *testing.T, paths ...string) *flashhead.Model {
	t.Helper()
	m, err := mapfile.Open(paths...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestOpen(t *testing.T) {
	model := gguftest.Model(40, 32).Bytes()
	for _, name := range []string{"model.gguf", "blobs/" + blob} {
		path, file := place(t, t.TempDir(), name, model, model)
		m := open(t, path)
		if m.Damage != nil || !m.Converted || m.Map != file {
			t.Errorf("%s: damage %v, converted %v, map %q", name, m.Damage, m.Converted, m.Map)
		}
		digest, _ := mapfile.Blob(path)
		if want := mapfiletest.Parameters(m.Head, digest); !reflect.DeepEqual(m.Parameters, want) {
			t.Errorf("%s: %+v\nwant %+v", name, m.Parameters, want)
		}
		if !mapfile.Is(file) || mapfile.Is(path) {
			t.Errorf("%s: the map is not told from the model", name)
		}
	}
}

// A map that does not fit is reported, and no other is looked for.
func TestUnfit(t *testing.T) {
	model := gguftest.Model(40, 32)
	bytesOf := func(change func(*gguftest.File)) []byte {
		f := gguftest.Model(40, 32)
		change(&f)
		return f.Bytes()
	}
	longer := bytesOf(func(f *gguftest.File) { f.KVs = append(f.KVs, gguftest.V("x.y", strings.Repeat("z", 64))) })
	otherRows := bytesOf(func(f *gguftest.File) {
		f.Tensors[0] = gguftest.T("token_embd.weight", gguftest.TypeF32, gguftest.Floats(32*40, 9), 32, 40)
	})
	for _, c := range []struct {
		what   string
		name   string
		other  []byte
		change func(*flashhead.Parameters)
		want   string
	}{
		{"another head", "model.gguf", otherRows, nil, "a head with other bytes"},
		{"another head of a blob, which Ollama checks", "blobs/" + blob, otherRows, nil, ""},
		{"another size", "model.gguf", longer, nil, "it is for a file of"},
		{"another size of a blob", "blobs/" + blob, longer, nil, "it is for a file of"},
		{"another blob", "blobs/" + blob, model.Bytes(),
			func(p *flashhead.Parameters) { p.SourceSHA256 = strings.Repeat("0b", 32) }, "it is for another blob"},
		{"another tensor", "model.gguf", model.Bytes(),
			func(p *flashhead.Parameters) { p.Tensor = "output.weight" }, "it is for output.weight"},
		{"unsound keys", "model.gguf", model.Bytes(),
			func(p *flashhead.Parameters) { p.Assignments[3] = 99 }, "puts token 3 into cluster 99"},
		{"fewer tokens", "model.gguf", model.Bytes(),
			func(p *flashhead.Parameters) { p.Assignments = p.Assignments[1:] }, "39 entries for 40 tokens"},
	} {
		change := func(p *flashhead.Parameters) {}
		if c.change != nil {
			change = c.change
		}
		path, file := place(t, t.TempDir(), c.name, model.Bytes(), c.other, change)
		m := open(t, path)
		switch {
		case m.Map != file || !m.Converted:
			t.Errorf("%s: the map is %q, converted %v", c.what, m.Map, m.Converted)
		case c.want == "" && m.Damage != nil:
			t.Errorf("%s: %v", c.what, m.Damage)
		case c.want != "" && (m.Damage == nil || !strings.Contains(m.Damage.Error(), c.want)):
			t.Errorf("%s: damage %v, want one that tells of %q", c.what, m.Damage, c.want)
		}
		if _, err := flashhead.Sound(mapfile.Open(path)); (err == nil) != (c.want == "") ||
			err != nil && !strings.Contains(err.Error(), file) {
			t.Errorf("%s: error %v does not name the map", c.what, err)
		}
	}
}

// Whatever lies in the place of a map is no reason to fail.
func TestNoMap(t *testing.T) {
	model := gguftest.Model(40, 32).Bytes()
	path, file := place(t, t.TempDir(), "model.gguf", model, model)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for what, data := range map[string][]byte{"a model": model, "text": []byte("no map"), "nothing": nil,
		"a part": whole[:len(whole)-40], "another version": bytes.Replace(whole, []byte("GGUF\x03"), []byte("GGUF\x07"), 1)} {
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
		if m := open(t, path); m.Damage == nil || m.Map != file {
			t.Errorf("%s in the place of a map is taken for one: %q", what, m.Map)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o755); err != nil {
		t.Fatal(err)
	}
	if m := open(t, path); m.Damage == nil {
		t.Error("a folder is taken for a map")
	}
}

// A file with keys of its own uses them.
func TestOwnKeys(t *testing.T) {
	f := gguftest.Model(40, 32)
	model := f.Bytes()
	f.KVs = append(f.KVs, gguftest.V(flashhead.KeyVersion, uint32(1)))
	path, _ := place(t, t.TempDir(), "model.gguf", f.Bytes(), model)
	if m := open(t, path); m.Map != "" || m.Damage == nil {
		t.Errorf("the map %q was looked for", m.Map)
	}
}

// A model of several files: the map names the file with the head.
func TestParts(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for i, part := range gguftest.Model(40, 32).Split() {
		path := filepath.Join(dir, gguf.PartName("m", i, 2))
		if err := os.WriteFile(path, part.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	file := filepath.Join(dir, "m-00001-of-00002.flashhead.gguf")
	mapfiletest.Write(t, file, "", paths)
	m := open(t, paths...)
	if m.Damage != nil || m.Map != file || m.Part != 1 || m.HeadPath() != paths[1] {
		t.Errorf("damage %v, map %q, head in file %d, %s", m.Damage, m.Map, m.Part, m.HeadPath())
	}
	if len(m.Tensors) != 3 || m.Head.Vocab() != 40 {
		t.Errorf("%d tensors, %d tokens", len(m.Tensors), m.Head.Vocab())
	}
	for what, wrong := range map[string][]string{"a missing file": paths[:1], "two files of one place": {paths[0],
		paths[0]}, "a wrong order": {paths[1], paths[0]}} {
		if m, err := mapfile.Open(wrong...); err == nil {
			m.Close()
			t.Errorf("%s passes", what)
		}
	}
	if got, err := gguf.PartPaths(paths[0], 2); err != nil || !reflect.DeepEqual(got, paths) {
		t.Errorf("the files of %s are %q, %v", paths[0], got, err)
	}
	for _, path := range []string{paths[1], filepath.Join(dir, "m.gguf"), filepath.Join(dir, "m-00001-of-00003.gguf")} {
		if got, err := gguf.PartPaths(path, 2); err == nil {
			t.Errorf("%s has the files %q", path, got)
		}
	}
}
