package native_test

import (
	"os"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint/hinttest"
	"github.com/fh-ollama/fh-ollama/internal/native"
)

// The report is the last line, below what libraries log. Anything else is an error with a hint.
func TestDevices(t *testing.T) {
	devices, _, err := native.Devices(t.Context(), script(t, `echo some library: hello
		echo '{"devices":[{"name":"CPU","description":"a","type":"cpu","flash_head":true,"weights":["f16"],"head":false},'\
			'{"name":"GPU0","type":"gpu","flash_head":false}]}'
		`), "", nil)
	if err != nil || len(devices) != 2 || devices[0].Name != "CPU" || !devices[0].FlashHead || devices[1].FlashHead {
		t.Fatalf("%+v, %v", devices, err)
	}
	if d := devices[0]; len(d.Weights) != 1 || d.Head == nil || *d.Head || devices[1].Head != nil {
		t.Errorf("%+v", devices)
	}
	for body, want := range map[string]string{
		"exit 0": "no list of devices", "echo no devices": "no list of devices", "echo '{}'": "no list of devices",
		`echo '{"devices":[]}'`: "no list of devices", "echo 'error: no such thing' >&2; exit 2": "no such thing",
	} {
		_, _, err := native.Devices(t.Context(), script(t, body), "", nil)
		hinttest.Check(t, err, want)
	}
}

// The tool's GPU appears only if its backend is loaded as Ollama loads it. Of two folders with backends one has a
// device.
func TestDevicesOfFolders(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"cuda_v12/libggml-cuda.so", "cuda_v13/libggml-base.so", "cuda_v13/libggml-cuda.so",
		"vulkan/notes.txt"} {
		write(t, dir, name)
	}
	tool := write(t, dir, "llama-flashhead")
	err := os.WriteFile(tool, []byte(`#!/bin/sh
cpu='{"name":"CPU","description":"a CPU","type":"cpu","flash_head":true}'
gpu='{"name":"CUDA0","description":"a GPU","type":"gpu","flash_head":true,"head":true}'
echo "$@" >> "$0.args"
case "$GGML_BACKEND_PATH:$LD_LIBRARY_PATH" in
*/cuda_v13/libggml-cuda.so:*/cuda_v13*) echo "{\"devices\":[$gpu,$cpu]}" ;;
*) echo "{\"devices\":[$cpu]}" ;;
esac
`), 0o755)
	if err != nil {
		t.Fatal(err)
	}
	head := native.HeadShape{Type: "q6_K", Columns: 2048, Rows: 128256, Clusters: 8016,
		CentroidType: "q4_0", Pinned: 3, CoarseBits: 16}
	devices, folders, err := native.Devices(t.Context(), tool, "", &head)
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
}
