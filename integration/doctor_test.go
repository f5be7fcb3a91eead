package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/process"
	"github.com/fh-ollama/fh-ollama/plugin/doctor"
)

// examine runs the doctor of the patched build against o.
func examine(t *testing.T, o *harness.Ollama, args ...string) (report doctor.Report, err error) {
	t.Helper()
	cmd := o.Command(timeout(t), patched(t).Bin("fh-ollama"), append([]string{"doctor", "--json"}, args...)...)
	err = readJSON(t, cmd, &report)
	return report, err
}

func TestDoctorPatched(t *testing.T) {
	o := serve(t, patched(t))
	register(t, o, "fast", converted(t))
	register(t, o, "dense", trainedModel)
	report, err := examine(t, o, converted(t))
	if err != nil {
		t.Error(err)
	}
	if !report.Server.Reachable || !report.Server.Patched || report.Server.FlashHead == "" ||
		strings.Contains(report.Server.Version, "+") {
		t.Errorf("server: %+v", report.Server)
	}
	if len(report.Models) != 1 || report.Models[0].Name != "fast:latest" || report.Models[0].Clusters != clusterCount {
		t.Errorf("models: %+v", report.Models)
	}
	if len(report.Library.Devices) == 0 {
		t.Fatal("no devices")
	}
	cpu := report.Library.Devices[0]
	if cpu.Type != "cpu" || !cpu.FlashHead || !slices.Contains(cpu.Weights, "q6_K") || len(cpu.DenseWeights) > 0 {
		t.Errorf("CPU: %+v", cpu)
	}
	if cpu.Head == nil || !*cpu.Head {
		t.Errorf("the file's head: %+v", cpu)
	}
	if report.File == nil || !report.File.Sound || report.File.Clusters != clusterCount {
		t.Fatalf("file: %+v", report.File)
	}
	if r := report.File.Runtime; r == nil || !r.Active || !strings.HasPrefix(r.Said, "active on CPU: ") ||
		r.Plugin != "" || r.Exact != "the dense head checks every token" {
		t.Errorf("the runtime with the file: %+v", r)
	}
}

// The doctor reports what the real runtime does with a file, not what its keys promise, even without a running Ollama.
func TestDoctorAsksTheRuntime(t *testing.T) {
	h := patched(t)
	run := func(h host, file string) (report doctor.Report) {
		cmd := exec.CommandContext(timeout(t), h.Bin("fh-ollama"), "doctor", "--json", file)
		cmd.Env = append(append(harness.Environment(t.TempDir()), "OLLAMA_HOST=127.0.0.1:1"), h.env...)
		if err := readJSON(t, cmd, &report); err == nil || report.File == nil { // no Ollama answers
			t.Fatalf("%v: %+v", err, report)
		}
		return report
	}
	// valid keys, but the rest is no model
	odd := filepath.Join(t.TempDir(), "odd.gguf")
	f := gguftest.Model(1024, 32)
	file := gguftest.Write(t, "in.gguf", f.Bytes())
	withAnyMap(t, file, odd, 8)
	report := run(h, odd)
	if !report.File.Sound || report.File.Runtime == nil || report.File.Runtime.Active ||
		!strings.Contains(fmt.Sprint(report.Problems), "cannot load "+odd) {
		t.Errorf("a file that cannot be loaded: %+v", report)
	}
	// a stock Ollama with a built plug-in
	h = plugin(t)
	report = run(h, converted(t))
	if r := report.File.Runtime; r == nil || !r.Active || r.Plugin != h.library() || r.Exact != "" ||
		!strings.Contains(r.Said, "rows in cluster order") {
		t.Errorf("with the plug-in: %+v", r)
	}
}

// The doctor loads a GPU backend in its own folder, as in Ollama's layout, and reports whether it has the op.
func TestDoctorFolder(t *testing.T) {
	h := patched(t)
	dir := t.TempDir()
	tool, library := filepath.Join(dir, "llama-flashhead"), filepath.Join(dir, "gpu_v1", "libggml-gpu.so")
	if err := os.Mkdir(filepath.Dir(library), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{tool: h.Lib("llama-flashhead"), library: h.Lib(fakeBackend)} {
		to, err := filepath.Abs(to)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	head := native.HeadShape{Type: "q8_0", Columns: 256, Rows: 32000, Clusters: 2000, CentroidType: "q4_0", Pinned: 3}
	coded := head
	coded.CoarseBits = 192
	t.Setenv(process.PassVariable, "FAKE_BACKEND_FLASH_HEAD,FAKE_BACKEND_CODES")
	for _, c := range []struct {
		head      native.HeadShape
		op, codes string // the device has
		can       bool   // compute the head
	}{{head, "1", "0", true}, {head, "0", "0", false}, {coded, "1", "1", true}, {coded, "1", "0", false}} {
		t.Setenv("FAKE_BACKEND_FLASH_HEAD", c.op)
		t.Setenv("FAKE_BACKEND_CODES", c.codes)
		devices, folders, err := native.Devices(t.Context(), tool, "", &c.head)
		if err != nil || len(folders) != 1 || folders[0].Name != "gpu_v1" || folders[0].Devices != 1 || len(devices) != 2 {
			t.Fatalf("%v, folders %+v, devices %+v", err, folders, devices)
		}
		cpu, gpu, op := devices[0], devices[1], c.op == "1"
		if cpu.Head == nil || !*cpu.Head || gpu.Folder != "gpu_v1" || gpu.Type != "gpu" || gpu.FlashHead != op ||
			(len(gpu.Weights) > 0) != op || gpu.Head == nil || *gpu.Head != c.can {
			t.Errorf("%+v: %+v", c, devices)
		}
	}
}

// The doctor lists the devices of RPC servers, as llama-server would use them, and names a server that does not answer.
func TestDoctorRPC(t *testing.T) {
	tool := patched(t).Lib("llama-flashhead")
	address := startRPC(t, patched(t)).Address
	devices, _, err := native.Devices(t.Context(), tool, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(devices) != 2 || !slices.ContainsFunc(devices, func(d native.Device) bool { return d.Description == address }) {
		t.Errorf("%+v", devices)
	}
	if _, _, err := native.Devices(t.Context(), tool, "127.0.0.1:1", nil); err == nil ||
		!strings.Contains(hint.Of(err), "127.0.0.1:1") {
		t.Errorf("no server: %v, %q", err, hint.Of(err))
	}
}

func TestDoctorStock(t *testing.T) {
	patched(t)
	o := serve(t, stock(t))
	report, err := examine(t, o)
	if err == nil || len(report.Problems) != 1 || !strings.Contains(report.Problems[0].WayOut, "fh-ollama build") {
		t.Errorf("a stock server: %v, %+v", err, report.Problems)
	}
	if !report.Server.Reachable || report.Server.Patched {
		t.Errorf("server: %+v", report.Server)
	}
}

// The doctor finds the plug-in of a stock server.
func TestDoctorPlugin(t *testing.T) {
	h := plugin(t)
	o := serve(t, h)
	register(t, o, "fast", converted(t))
	generate(t, o, "fast", prompt, 1)
	report, err := examine(t, o)
	if err != nil {
		t.Error(err)
	}
	if p := report.Plugin; p.Library != h.library() || p.Beside || len(p.Running) != 1 || !p.Running[0].Loaded {
		t.Errorf("plug-in: %+v", p)
	}
	if report.Server.Patched || len(report.Models) != 1 {
		t.Errorf("server %+v, models %+v", report.Server, report.Models)
	}
}
