package native

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// Device is a device of ggml, as the native tool sees it.
type Device struct {
	Name         string   `json:"name"`
	Description  string   `json:"description"`
	Type         string   `json:"type"`             // cpu, gpu, accel, …
	Folder       string   `json:"folder,omitempty"` // of its backend, below that of the tool: cuda_v13; "" for beside it
	FlashHead    bool     `json:"flash_head"`       // supports the op for weights of type q8_0
	Weights      []string `json:"weights"`          // weight types with the op
	DenseWeights []string `json:"dense_weights"`    // weight types without it
	Head         *bool    `json:"head,omitempty"`   // supports the op for the given head
}

// Folder is a folder of a GPU backend below Ollama's libraries.
type Folder struct {
	Name    string `json:"name"`    // cuda_v13
	Library string `json:"library"` // path of the backend in it
	Devices int    `json:"devices"` // that it found; none without its driver
}

// HeadShape describes a head for Devices, with ggml's names of types.
type HeadShape struct {
	Type         string
	Columns      int64 // D
	Rows         int64 // V
	Clusters     int64 // K
	CentroidType string
	Pinned       int // tokens that are always scored
	CoarseBits   int // of its codes, 0 for none
}

func (h HeadShape) args() []string {
	return []string{"--type", h.Type, "--columns", strconv.FormatInt(h.Columns, 10), "--rows",
		strconv.FormatInt(h.Rows, 10),
		"--clusters", strconv.FormatInt(h.Clusters, 10), "--centroid-type", h.CentroidType,
		"--pinned", strconv.Itoa(h.Pinned), "--coarse-bits", strconv.Itoa(h.CoarseBits)}
}

// Devices lists the devices of the backends beside the native tool of a patched build, and of RPC servers, whose
// addresses are separated by commas. Then it lists the devices of each folder with a GPU backend, loaded as Ollama
// loads them into llama-server. If head is not nil, each device also says whether it supports the op for this head.
func Devices(ctx context.Context, tool, servers string, head *HeadShape) ([]Device, []Folder, error) {
	var args []string
	if head != nil {
		args = head.args()
	}
	devices, err := listDevices(ctx, tool, args, serversSetting+servers)
	if err != nil {
		return nil, nil, err
	}
	folders, err := gpuFolders(filepath.Dir(tool))
	if err != nil {
		return nil, nil, err
	}
	beside := len(devices)
	for i, folder := range folders {
		libraries := filepath.Dir(tool) + string(filepath.ListSeparator) + filepath.Dir(folder.Library)
		if more := os.Getenv("LD_LIBRARY_PATH"); more != "" {
			libraries += string(filepath.ListSeparator) + more
		}
		found, err := listDevices(ctx, tool, args, serversSetting, "GGML_BACKEND_PATH="+folder.Library,
			"LD_LIBRARY_PATH="+libraries)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", folder.Name, err)
		}
		for _, d := range found {
			if slices.ContainsFunc(devices[:beside], func(known Device) bool { return known.Name == d.Name }) {
				continue
			}
			d.Folder = folder.Name
			devices = append(devices, d)
			folders[i].Devices++
		}
	}
	return devices, folders, nil
}

// gpuFolders lists the folders below dir with a ggml backend. It chooses the backend's file in a folder like Ollama
// (llm/llama_server.go, findLlamaServerGPUBackend).
func gpuFolders(dir string) ([]Folder, error) {
	libraries, err := filepath.Glob(filepath.Join(dir, "*", "libggml-*.so*"))
	if err != nil {
		return nil, err
	}
	var folders []Folder
	for _, library := range libraries { // in order of name
		file, name := filepath.Base(library), filepath.Base(filepath.Dir(library))
		if strings.HasPrefix(file, "libggml-base") || strings.HasPrefix(file, "libggml-cpu") {
			continue
		}
		if n := len(folders); n == 0 || folders[n-1].Name != name {
			folders = append(folders, Folder{Name: name, Library: library})
		}
	}
	return folders, nil
}

// serversSetting names the RPC servers to a program; llama-server takes it too.
const serversSetting = "LLAMA_ARG_RPC="

// listDevices runs the tool's command with the variables env.
func listDevices(ctx context.Context, tool string, args []string, env ...string) ([]Device, error) {
	cmd := exec.CommandContext(ctx, tool, append([]string{"devices"}, args...)...)
	cmd.Env = process.Environment(env...)
	cmd.WaitDelay = time.Second
	process.InOwnFolder(cmd)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) && len(exit.Stderr) > 0 {
			err = errors.New(strings.TrimSpace(string(exit.Stderr)))
		}
		way := "build again: fh-ollama build"
		if ctx.Err() != nil {
			err, way = ctx.Err(), "does the GPU's driver answer? For NVIDIA: nvidia-smi"
		}
		if servers, _ := strings.CutPrefix(env[0], serversSetting); servers != "" {
			way = "do the servers in LLAMA_ARG_RPC answer: " + servers + "? Start them, or unset it"
		}
		return nil, hint.Wrap(fmt.Errorf("%s devices: %w", tool, err), way)
	}
	// Libraries may log above the report, which is the last line.
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	var report struct {
		Devices []Device `json:"devices"`
	}
	if err := json.Unmarshal(lines[len(lines)-1], &report); err != nil || len(report.Devices) == 0 {
		return nil, hint.New(fmt.Sprintf("%s devices: no list of devices", tool), "build again: fh-ollama build")
	}
	return report.Devices, nil
}
