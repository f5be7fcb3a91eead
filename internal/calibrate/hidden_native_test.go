package calibrate

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/native/nativetest"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

const demoModel = "../../integration/testdata/fh-demo-12m-q8_0.gguf"

func nativePrograms(t *testing.T) llama.Programs {
	t.Helper()
	dir := nativetest.Dir(t)
	programs, err := llama.FindServer(t.Context(), dir, installation.Places{})
	if err != nil {
		t.Fatalf("%v in %s: run make build first", err, dir)
	}
	return programs
}

// The head applied to the hidden state of a text's last position gives the token that the model continues with.
func TestNativeHiddenStatesFitTheHead(t *testing.T) {
	programs := nativePrograms(t)
	const rows, width = 32000, 256
	each := make([]uint32, rows) // a cluster for each row: its centroid is the row
	for i := range each {
		each[i] = uint32(i)
	}
	head, err := native.Tool{Path: filepath.Join(programs.Folder, "llama-flashhead")}.Centroids(t.Context(), native.Map{
		Head: native.Head{Model: demoModel, Tensor: "token_embd.weight"}, Assignments: each, Clusters: rows, Columns: width,
	})
	if err != nil {
		t.Fatal(err)
	}
	start := func(o llama.ServerOptions) *llama.Server {
		server, err := programs.Start(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Stop)
		return server
	}
	o := llama.ServerOptions{Model: demoModel, Context: 256, Threads: 2, Settings: []string{"FLASHHEAD_ENABLED=0"}}
	whole, states := start(o), start(o.ForHidden(1, 256))
	for _, text := range []string{"We, the people,", "It was in the year 1849, when the first",
		"My dear mother, I have not"} {
		tokens, err := states.Tokens(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := states.Hidden(t.Context(), [][]int{tokens}, width)
		if err != nil {
			t.Fatal(err)
		}
		logits := make([]float64, rows)
		for column, x := range got[0][len(got[0])-width:] {
			for row, w := range head[column*rows:][:rows] {
				logits[row] += float64(w) * float64(x)
			}
		}
		best := slices.Index(logits, slices.Max(logits))
		if next, err := whole.Greedy(t.Context(), tokens, 1); err != nil || len(next.Tokens) != 1 || next.Tokens[0] != best {
			t.Errorf("%s: the model goes on with %v, its hidden state says %d; %v", text, next.Tokens, best, err)
		}
	}
}

// A short vocabulary and batches of chunks do not change hidden states. A copy that changes them is not used.
func TestNativeShort(t *testing.T) {
	programs := nativePrograms(t)
	text, err := ReadText(nil)
	if err != nil {
		t.Fatal(err)
	}
	text.Kinds = text.Kinds[:10]
	m := &model{programs: programs, o: Options{Model: demoModel, Width: 256, Threads: 2}}
	defer m.stop()
	if err := m.start(t.Context(), demoModel, 1, nil); err != nil {
		t.Fatal(err)
	}
	chunks, err := plan(t.Context(), m.server, text)
	if err != nil || len(chunks) != 20 {
		t.Fatalf("%d chunks, %v", len(chunks), err)
	}
	slices.Reverse(chunks[5:15]) // long and short ones in one batch
	readAll := func() (states [][]float32) {
		err := m.readAll(t.Context(), chunks, func(i int, state []float32) error {
			if i != len(states) {
				t.Errorf("chunk %d comes after %d others", i, len(states))
			}
			states = append(states, state)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return states
	}
	want := readAll()
	if err := m.shorten(t.Context(), t.TempDir(), chunks); err != nil || m.rows == nil || m.batch != shortBatch {
		t.Fatalf("%d rows, %d chunks a batch, %v", len(m.rows), m.batch, err)
	}
	for i, state := range readAll() {
		if len(state) != len(chunks[i].tokens)*256 || !alike(state, want[i]) {
			t.Errorf("chunk %d of %d tokens: %d numbers, others than if it is read alone", i, len(chunks[i].tokens),
				len(state))
		}
		if n := 256 * heldOutTokens; i > 0 && alike(state[:n], want[i-1][:n]) {
			t.Errorf("chunks %d and %d have the same states", i-1, i)
		}
	}
	m.stop()

	// the model stands for a copy with other states
	m.o.Model = changed(t)
	if err := m.start(t.Context(), demoModel, 1, nil); err != nil {
		t.Fatal(err)
	}
	if err := m.shorten(t.Context(), t.TempDir(), chunks); err != nil || m.rows != nil || m.batch != wholeBatch {
		t.Errorf("%d rows, %d chunks a batch, %v", len(m.rows), m.batch, err)
	}
	if got := readAll(); len(got) != len(chunks) || alike(got[0], want[0]) {
		t.Errorf("%d chunks of the changed model, as before: %v", len(got), alike(got[0], want[0]))
	}
}

// changed returns the path of a model like the bundled one that has other hidden states.
func changed(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(demoModel)
	if err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Read(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	norm, ok := f.Tensor("output_norm.weight")
	if !ok || norm.Type.String() != "f32" {
		t.Fatalf("%+v", norm)
	}
	first := data[f.DataStart+norm.Offset:][:4]
	binary.LittleEndian.PutUint32(first, math.Float32bits(100))
	path := filepath.Join(t.TempDir(), "changed.gguf")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Collect reads the built-in text, and each chunk of a file as another kind of text.
func TestNativeCollect(t *testing.T) {
	programs := nativePrograms(t)
	t.Setenv("FH_OLLAMA_CACHE", t.TempDir())
	text, err := ReadText(nil)
	if err != nil {
		t.Fatal(err)
	}
	text.Kinds = slices.Clip(text.Kinds[:3])
	few := Options{Model: demoModel, Text: text, Width: 256, Threads: 2}
	withFile := few
	withFile.Text.Kinds = append(text.Kinds, Kind{"some.txt", strings.Repeat(text.Kinds[0].Data, 4), fileChunks, true})
	for _, o := range []Options{few, withFile} {
		states, err := Collect(t.Context(), programs, o, progress.New(io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(states.Path)
		if err != nil || info.Size() != int64(states.Count)*256*4 || !slices.Equal(states.Fit[:3], []int64{32, 32, 32}) ||
			states.HeldOut[0].Group != text.Kinds[0].Name {
			t.Fatalf("%v for %d states, %v of them to fit to; %v", info, states.Count, states.Fit, err)
		}
		last := states.HeldOut[len(states.HeldOut)-1].Group
		if len(o.Text.Kinds) == 3 && (len(states.HeldOut) != 3*(24-8) || states.Count != 3*(32+24-8)) ||
			len(o.Text.Kinds) == 4 && (len(states.Fit) < 3+4 || states.Fit[3] != 32 || last != "some.txt") {
			t.Errorf("%d states, to fit to: %v, the last is of %s", states.Count, states.Fit, last)
		}
		if err := states.Close(); err != nil {
			t.Error(err)
		}
	}
	for want, change := range map[string]func(*Options){
		"does not suit this model: the text is too short": func(o *Options) {
			o.Text.Kinds = []Kind{{Name: "a", Data: "a few words", chunks: 1}}
		},
		"llama-server failed: ": func(o *Options) { o.Model = os.Args[0] },
	} {
		other := few
		change(&other)
		_, err := Collect(t.Context(), programs, other, progress.New(io.Discard))
		hinttest.Check(t, err, want)
	}
	if left, _ := filepath.Glob(filepath.Join(os.Getenv("FH_OLLAMA_CACHE"), "temporary", "*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
}
