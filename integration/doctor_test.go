package integration

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/doctor"
)

// examine runs the doctor of the patched build against o.
func examine(t *testing.T, o *harness.Ollama, args ...string) (doctor.Report, error) {
	t.Helper()
	out, failed := o.Run(timeout(t), patched(t).Bin("fh-ollama"), append([]string{"doctor", "--json"}, args...)...)
	var report doctor.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("doctor --json printed %q: %v, %v", out, err, failed)
	}
	return report, failed
}

func TestDoctorPatched(t *testing.T) {
	o := serve(t, patched(t))
	register(t, o, "fast", converted(t))
	register(t, o, "dense", trainedModel)
	report, err := examine(t, o, converted(t))
	if err != nil {
		t.Error(err)
	}
	if !report.Server.Reachable || !report.Server.Patched || report.Server.FlashHead == "" || strings.Contains(report.Server.Version, "+") {
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
		t.Errorf("file: %+v", report.File)
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

func TestDoctorDamagedFile(t *testing.T) {
	o := serve(t, patched(t))
	for name, file := range damagedFiles(t) {
		report, err := examine(t, o, file)
		if err == nil || report.File == nil || report.File.Sound || len(report.Problems) != 1 {
			t.Errorf("%s: %v, %+v", name, err, report)
		}
	}
}

// The doctor sees the plug-in of a stock server.
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
