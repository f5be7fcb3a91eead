package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// device is the checked device with the folder of the test programs.
type device struct {
	native.Device
	lib string
}

// findDevice returns the device of that name of a patched build, which must have the op. It sets this process's
// environment so that programs started from here load the device's backend, as Ollama's llama-server does.
func findDevice(ctx context.Context, lib, name string) (device, error) {
	tool, err := native.FindTool([]string{lib})
	if err != nil {
		return device{}, hint.Wrap(err, "run make gpu, which builds it first")
	}
	if native.Borrows(tool) {
		return device{}, hint.New(lib+" has only the plug-in, which runs on CPUs", "run make gpu, which builds the rest")
	}
	devices, folders, err := native.Devices(ctx, tool, "", nil)
	if err != nil {
		return device{}, err
	}
	var names []string
	for _, d := range devices {
		names = append(names, d.Name)
		if d.Name != name {
			continue
		}
		if len(d.Weights) == 0 {
			return device{}, hint.New(fmt.Sprintf("the backend of %s (%s) does not have FlashHead", d.Name, d.Description),
				"see docs/gpu.md for those that do")
		}
		for _, f := range folders {
			if f.Name == d.Folder {
				err = loadFolder(lib, f)
			}
		}
		return device{d, lib}, err
	}
	return device{}, hint.New(fmt.Sprintf("no device %s; there are %s", name, strings.Join(names, ", ")),
		"choose one of these with --device; fh-ollama doctor tells whether a driver is missing")
}

func loadFolder(lib string, f native.Folder) error {
	paths := []string{lib, filepath.Dir(f.Library)}
	if have := os.Getenv("LD_LIBRARY_PATH"); have != "" {
		paths = append(paths, have)
	}
	pass := "LD_LIBRARY_PATH,GGML_BACKEND_PATH"
	if have := os.Getenv(process.PassVariable); have != "" {
		pass += "," + have
	}
	return errors.Join(os.Setenv("LD_LIBRARY_PATH", strings.Join(paths, string(filepath.ListSeparator))),
		os.Unsetenv("GGML_CUDA_DISABLE_GRAPHS"), // measure with graphs, the default
		os.Setenv("GGML_BACKEND_PATH", f.Library), os.Setenv(process.PassVariable, pass))
}

// isCUDA reports whether NVIDIA's tools work with the device.
func (d device) isCUDA() bool { return strings.HasPrefix(d.Name, "CUDA") }

// flags returns the flags by which a test program chooses the device; its default is the CPU.
func (d device) flags() []string {
	if d.Type == "cpu" {
		return nil
	}
	return []string{"--device", d.Name}
}

// driver returns the GPUs and their driver version from nvidia-smi, "" for a device that is not NVIDIA's.
func (d device) driver(ctx context.Context) (string, error) {
	if !d.isCUDA() {
		return "", nil
	}
	cmd := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader")
	cmd.Env = process.Environment()
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("nvidia-smi: %w", err)
	}
	return strings.Join(strings.Split(strings.TrimSpace(string(out)), "\n"), "; "), nil
}
