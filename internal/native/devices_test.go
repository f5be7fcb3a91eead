package native

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

func TestParseDevices(t *testing.T) {
	devices, err := parseDevices("some library: hello\n" +
		`{"devices":[{"name":"CPU","description":"a","type":"cpu","flash_head":true,"weights":["f16"],"head":false},` +
		`{"name":"GPU0","type":"gpu","flash_head":false}]}` + "\n")
	if err != nil || len(devices) != 2 || devices[0].Name != "CPU" || !devices[0].FlashHead || devices[1].FlashHead {
		t.Fatalf("%+v, %v", devices, err)
	}
	if d := devices[0]; len(d.Weights) != 1 || d.Head == nil || *d.Head || devices[1].Head != nil {
		t.Errorf("%+v", devices)
	}
	for _, printed := range []string{"", "no devices", "{}", `{"devices":[]}`} {
		if devices, err := parseDevices(printed); err == nil {
			t.Errorf("%q: %+v", printed, devices)
		}
	}
}

// The tool's GPU appears only if its backend is loaded as Ollama loads it. Of two folders with backends one has a
// device.
func TestDevicesOfFolders(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"cuda_v12/libggml-cuda.so", "cuda_v13/libggml-base.so", "cuda_v13/libggml-cuda.so",
		"vulkan/notes.txt"} {
		write(name, "")
	}
	write(toolName, `#!/bin/sh
cpu='{"name":"CPU","description":"a CPU","type":"cpu","flash_head":true}'
gpu='{"name":"CUDA0","description":"a GPU","type":"gpu","flash_head":true,"head":true}'
echo "$@" >> "$0.args"
case "$GGML_BACKEND_PATH:$LD_LIBRARY_PATH" in
*/cuda_v13/libggml-cuda.so:*/cuda_v13*) echo "{\"devices\":[$gpu,$cpu]}" ;;
*) echo "{\"devices\":[$cpu]}" ;;
esac
`)
	tool := filepath.Join(dir, toolName)
	head := HeadShape{Type: "q6_K", Columns: 2048, Rows: 128256, Clusters: 8016,
		CentroidType: "q4_0", Pinned: 3, CoarseBits: 16}
	devices, folders, err := Devices(t.Context(), tool, "", &head)
	if err != nil {
		t.Fatal(err)
	}
	if len(devices) != 2 || devices[0].Folder != "" || devices[1].Name != "CUDA0" || devices[1].Folder != "cuda_v13" {
		t.Errorf("devices %+v", devices)
	}
	if len(folders) != 2 || folders[0].Name != "cuda_v12" || folders[0].Devices != 0 || folders[1].Devices != 1 {
		t.Errorf("folders %+v", folders)
	}
	args, err := os.ReadFile(tool + ".args")
	want := "devices --type q6_K --columns 2048 --rows 128256 --clusters 8016 " +
		"--centroid-type q4_0 --pinned 3 --coarse-bits 16\n"
	if err != nil || string(args) != strings.Repeat(want, 3) {
		t.Errorf("asked %q, %v", args, err)
	}
	write(toolName, "#!/bin/sh\necho 'error: no such thing' >&2\nexit 2\n")
	if _, _, err := Devices(t.Context(), tool, "", nil); err == nil || !strings.Contains(err.Error(), "no such thing") ||
		hint.Of(err) == "" {
		t.Errorf("a tool that fails: %v", err)
	}
}
