package native_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/native/nativetest"
)

// script returns the path of a shell script that replaces the native tool, for output that the real tool never has.
func script(t *testing.T, body string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	path := filepath.Join(t.TempDir(), "llama-flashhead")
	// the last argument is the output file
	if err := os.WriteFile(path, []byte("#!/bin/sh\nfor out; do :; done\n"+body), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func run(ctx context.Context, tool string) (native.Clustering, []native.Progress, error) {
	var seen []native.Progress
	result, err := native.Tool{Path: tool}.Cluster(ctx, native.ClusterOptions{
		Head: native.Head{Model: "m", Tensor: "t"}, ClusterSize: 2, Iterations: 1, Threads: 1},
		func(p native.Progress) { seen = append(seen, p) })
	return result, seen, err
}

const done = `echo '{"event":"done","clusters":2,"objective":0.5,"imbalance":0.25,"seconds":2}'` + "\n"

func TestProtocol(t *testing.T) {
	tool := script(t, `echo '{"event":"progress","stage":"read","fraction":0.1}'
		echo '{"event":"progress","stage":"balance","iteration":1,"iterations":8,"fraction":0.5,"objective":0.25,"imbalance":0,"seconds":1}'
		echo '{"event":"new in a later version"}'
		printf '\001\0\0\0\0\0\0\0\001\0\0\0' >"$out"
		`+done)
	result, seen, err := run(t.Context(), tool)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(result.Assignments) != "[1 0 1]" || result.Clusters != 2 || result.Objective != 0.5 {
		t.Errorf("%+v", result)
	}
	if len(seen) != 2 || seen[0].Objective != nil || seen[0].Stage != "read" || *seen[1].Objective != 0.25 ||
		seen[1].Imbalance == nil || seen[1].Iteration != 1 {
		t.Errorf("%+v", seen)
	}
}

func TestFailures(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"named cause": {"echo 'warning: slow' >&2; echo 'error: the tensor has a type without rows' >&2; exit 1\n",
			"clustering failed: the tensor has a type without rows"},
		"other cause": {"echo 'cannot load library' >&2; exit 127\n", "clustering failed: cannot load library"},
		"no cause":    {"exit 3\n", "clustering failed: exit status 3"},
		"killed":      {"kill -9 $$\n", "killed"},
		"no JSON":     {"echo hello; exec sleep 60\n", "hello"},
		"no ggml":     {"echo 'error: no ggml in there' >&2; exit 3\n", "clustering failed: no ggml in there"},
		"no end":      {"", "without a result"},
		"no file":     {done, "no such file"},
		"full disk":   {"echo 'error: cannot write a: No space left on device' >&2; exit 1\n", "FH_OLLAMA_CACHE"},
		"old system": {"echo \"llama-flashhead: libc.so.6: version \\`GLIBC_2.99' not found\" >&2; exit 1\n",
			"this system is older than the native tool: "},
		// another Ollama would not help
		"old system for its code": {"echo \"error: libstdc++.so.6: version \\`GLIBCXX_3.99' not found\" >&2; exit 3\n",
			"build the tool here: fh-ollama build --plugin"},
		"older tool": {"echo \"error: unknown command: $1\" >&2; exit 2\n", "build again with fh-ollama build"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := run(t.Context(), script(t, c.body))
			hinttest.Check(t, err, c.want)
		})
	}
}

// Cancelling ends the tool. The time limit is only for a tool that does not end.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	tool := script(t, `echo '{"event":"progress","stage":"read","fraction":0}'`+"\nexec sleep 1000\n")
	begun := time.Now()
	_, err := native.Tool{Path: tool}.Cluster(ctx, native.ClusterOptions{}, func(native.Progress) { cancel() })
	if !errors.Is(err, context.Canceled) || time.Since(begun) > 5*time.Minute {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}

// TestGGML starts a tool that needs the folder of ggml's libraries and one with its own, and checks their arguments.
func TestGGML(t *testing.T) {
	tool := script(t, `echo "error: $1 $2" >&2; exit 3`)
	for ggml, want := range map[string]string{"": "cluster --model", "lib": "--ggml lib"} {
		_, err := native.Tool{Path: tool, GGML: ggml}.Cluster(t.Context(), native.ClusterOptions{}, nil)
		if err == nil || err.Error() != "clustering failed: "+want || !strings.Contains(hint.Of(err), "update Ollama") {
			t.Errorf("%v, hint %q", err, hint.Of(err))
		}
	}
}

// TestNativeCentroids averages rows whose means are worked out by hand, 2 columns of 5 rows in clusters of 3, 1 and 1.
func TestNativeCentroids(t *testing.T) {
	dir := nativetest.Dir(t)
	path, err := native.FindTool([]string{dir})
	if err != nil {
		t.Fatalf("%v in %s: run make build first", err, dir)
	}
	rows := []float32{1, 10, 5, 6, 2, 20, -7, 0.5, 6, -3}
	data, err := binary.Append(nil, binary.LittleEndian, rows)
	if err != nil {
		t.Fatal(err)
	}
	file := gguftest.Model(5, 2)
	file.Tensors[0].Data = data
	tool := native.Tool{Path: path}
	options := native.Map{
		Head:        native.Head{Model: gguftest.Write(t, "in.gguf", file.Bytes()), Tensor: "token_embd.weight"},
		Assignments: []uint32{2, 0, 2, 1, 2}, Clusters: 3, Columns: 2,
	}
	t.Setenv("FH_OLLAMA_CACHE", t.TempDir())
	got, err := tool.Centroids(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float32{5, -7, 3, 6, 0.5, 9}; !slices.Equal(got, want) {
		t.Errorf("means %v, want %v", got, want)
	}

	for want, change := range map[string]func(o *native.Map){
		"centroids of 3 columns": func(o *native.Map) { o.Columns = 3 },
		"NaN or infinite weight in row": func(o *native.Map) {
			broken := file
			broken.Tensors = slices.Clone(file.Tensors)
			broken.Tensors[0].Data = binary.LittleEndian.AppendUint32(slices.Clone(data[4:]),
				math.Float32bits(float32(math.NaN())))
			o.Model = gguftest.Write(t, "nan.gguf", broken.Bytes())
		},
	} {
		o := options
		change(&o)
		_, err := tool.Centroids(t.Context(), o)
		hinttest.Check(t, err, want)
	}
	noneLeft(t)
}
