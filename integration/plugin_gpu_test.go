package integration

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/plugin/install"
)

// gpuLine matches the line with the device that models will run on.
var gpuLine = regexp.MustCompile(`msg="inference compute" (id=\S+ .*library=\S+)`)

// An Ollama keeps its GPU with the plug-in beside its libraries. Ollama counts the devices that llama-server lists, and
// hides all GPUs but the one with that number.
func TestPluginLeavesGPU(t *testing.T) {
	without := host{Prefix: harness.Prefix(filepath.Join(t.TempDir(), "ollama"))}
	copyTree(t, string(stock(t).Prefix), string(without.Prefix))
	with := host{Prefix: harness.Prefix(filepath.Join(t.TempDir(), "ollama"))}
	copyTree(t, string(without.Prefix), string(with.Prefix))
	copyTree(t, plugin(t).library(), with.Lib(install.BesideName))

	gpu := []string{"FAKE_BACKEND_CUDA=1", "GGML_BACKEND_PATH=" + patched(t).Lib(fakeBackend)}
	list := func(h host) string {
		cmd := exec.CommandContext(timeout(t), h.Lib("llama-server"), "--list-devices", "--offline")
		cmd.Env = append(harness.Environment(t.TempDir()), gpu...)
		text, err := cmd.Output()
		if err != nil {
			t.Fatalf("llama-server --list-devices: %v\n%s", err, text)
		}
		return string(text)
	}
	want := list(without)
	if !strings.Contains(want, "CUDA0: no GPU, for tests") {
		t.Fatalf("the stock llama-server has no GPU:\n%s", want)
	}
	if got := list(with); got != want {
		t.Errorf("with the plug-in llama-server lists\n%swant\n%s", got, want)
	}

	device := func(h host) string {
		o := serve(t, h, gpu...)
		defer o.Stop()
		await(t, "the server names its device", func() bool { return gpuLine.MatchString(o.Log()) })
		return gpuLine.FindStringSubmatch(o.Log())[1]
	}
	wantDevice := device(without)
	if !strings.Contains(wantDevice, "library=CUDA") {
		t.Fatalf("the stock Ollama does not use the GPU: %s", wantDevice)
	}
	gotDevice := device(with)
	if got, _, _ := strings.Cut(gotDevice, " libdirs="); !strings.HasPrefix(wantDevice, got) {
		t.Errorf("with the plug-in Ollama uses\n%s\nwant\n%s", gotDevice, wantDevice)
	}
}
