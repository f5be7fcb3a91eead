package main

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/native"
)

// The whole command, on the CPU of the patched build instead of a GPU: everything but the sanitizer runs.
func TestOnTheCPU(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the patched build; not with -short")
	}
	o := defaults()
	o.prefix, o.device, o.rounds, o.tokens = "../../../dist", "CPU", 1, 4
	o.heads, o.models = []headShape{{"gemma-3-270m", "q8_0"}}, []modelName{{"gemma-3-270m", "q8_0"}}
	o.json = filepath.Join(t.TempDir(), "gpu.json")
	if err := run(t.Context(), o, nil); err != nil {
		t.Fatalf("%v\n  %s", err, hint.Of(err))
	}
	data, err := os.ReadFile(o.json)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if r.Device.Name != "CPU" || len(r.Checks) != 1 || r.Checks[0].State != passed || r.Checks[0].Says == "" {
		t.Errorf("%+v, %+v", r.Device, r.Checks)
	}
	if len(r.Heads) != 1 || r.Heads[0].Dense <= 0 || r.Heads[0].Flash <= 0 || r.Heads[0].SpeedUp <= 0 {
		t.Errorf("head: %+v", r.Heads)
	}
	if len(r.Models) != 1 || len(r.Models[0].Results) != 1 || r.Models[0].Results[0].Points[0].Decode.Slower <= 0 {
		t.Errorf("model: %+v", r.Models)
	}
}

func TestRefused(t *testing.T) {
	for says, change := range map[string]func(*options){
		"0 rounds":               func(o *options) { o.rounds = 0 },
		"llama-flashhead is not": func(o *options) { o.prefix = t.TempDir() },
	} {
		o := defaults()
		change(&o)
		if err := run(context.Background(), o, nil); err == nil || !strings.Contains(err.Error(), says) || hint.Of(err) == "" {
			t.Errorf("error %v, way out %q, instead of %q", err, hint.Of(err), says)
		}
	}
	if err := run(context.Background(), defaults(), []string{"CUDA0"}); err == nil || hint.Of(err) == "" {
		t.Errorf("an argument: %v", err)
	}
}

// A stand-in for the native tool, whose only GPU lacks the op or its driver.
func TestFindDevice(t *testing.T) {
	lib := t.TempDir()
	tool := `#!/bin/sh
echo '{"devices":[{"name":"Vulkan0","description":"a GPU","type":"gpu","dense_weights":["f16"]},{"name":"CPU","type":"cpu","weights":["f16"]}]}'
`
	for name, text := range map[string]string{"llama-flashhead": tool, "cuda_v13/libggml-cuda.so": ""} {
		path := filepath.Join(lib, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"Vulkan0": "has no FlashHead", "CUDA0": "there is no device CUDA0, but Vulkan0, CPU"} {
		if _, err := findDevice(t.Context(), lib, name); err == nil || !strings.Contains(err.Error(), want) || hint.Of(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	d, err := findDevice(t.Context(), lib, "CPU")
	if err != nil || d.isCUDA() || d.flags() != nil {
		t.Errorf("%+v, %v", d, err)
	}
	gpu := device{Device: native.Device{Name: "CUDA1", Type: "gpu"}}
	if !gpu.isCUDA() || strings.Join(gpu.flags(), " ") != "--device CUDA1" {
		t.Errorf("%q", gpu.flags())
	}
}

// The limit of a head whose clusters are few: half of the weight's rows, and centroids.
func TestLimit(t *testing.T) {
	h := headTime{Type: "f16", Rows: 1600, Columns: 64, Clusters: 100, Probes: 50}
	got, err := h.limit()
	dense, flash := 1600.0*128+6400, 100.0*36+800*128+6400
	if err != nil || math.Abs(got-dense/flash) > 1e-12 {
		t.Errorf("%v, %v, want %v", got, err, dense/flash)
	}
}

// A check that fails is in the report, and ends the command with an error.
func TestFailedCheck(t *testing.T) {
	r := report{Checks: []check{
		runCheck(t.Context(), "good", "/bin/sh", []string{"-c", "echo one; echo all well"}),
		runCheck(t.Context(), "bad", "/bin/sh", []string{"-c", "echo 3 checks failed; exit 1"}),
	}}
	text := r.markdown()
	if !strings.Contains(text, "| good | passed: all well |") || !strings.Contains(text, "| bad | failed: 3 checks failed |") {
		t.Errorf("%s", text)
	}
	if err := r.failed(); err == nil || err.Error() != "bad failed" {
		t.Errorf("%v", err)
	}
}

// What cannot be timed is told beside what was checked, and the rest is still measured.
func TestRunGoesOn(t *testing.T) {
	lib := filepath.Join(t.TempDir(), "lib", "ollama")
	for name, text := range map[string]string{
		"llama-flashhead": `echo '{"devices":[{"name":"CPU","type":"cpu","weights":["f16"]}]}'`,
		testProgram:       "echo 5 passed",
		benchProgram:      `case "$*" in *640*) echo broken >&2; exit 3;; esac; printf '  dense 9.0 us\n  FlashHead 3.0 us\n  ratio 3.00 x\n'`,
	} {
		path := filepath.Join(lib, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	o := defaults()
	o.prefix, o.device, o.models, o.json = filepath.Join(lib, "..", ".."), "CPU", nil, filepath.Join(t.TempDir(), "gpu.json")
	o.heads = []headShape{{"gemma-3-270m", "q8_0"}, {"qwen3-0.6b", "q8_0"}}
	if err := run(t.Context(), o, nil); err == nil || err.Error() != "timing the head of gemma-3-270m q8_0 failed" {
		t.Errorf("%v", err)
	}
	data, err := os.ReadFile(o.json)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Checks) != 2 || !strings.Contains(r.Checks[1].Says, "broken") || len(r.Heads) != 1 || r.Heads[0].Dense != 9 || r.Heads[0].SpeedUp != 3 {
		t.Errorf("%+v", r)
	}
}
