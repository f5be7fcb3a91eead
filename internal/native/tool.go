// Package native runs the native tool, which clusters the rows of an output head, calibrates it, and lists the devices
// of its build.
package native

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
)

const toolName = installation.ToolName

// Tool is the native tool with the libraries that it runs on.
type Tool struct {
	Path string // of llama-flashhead
	GGML string // folder of the libraries for it; "" if it has its own
}

// Find returns the native tool for a user's folder dir, "" if there is none: that of FindTool, or else the one of
// Inside; and FindGGML.
func Find(ctx context.Context, dir string) (Tool, error) {
	path, err := FindTool(installation.LibDirs(dir))
	if inside := Inside(dir); err != nil && !inside.Empty() {
		path, err = inside.Unpack()
	}
	if err != nil {
		return Tool{}, err
	}
	ggml, err := FindGGML(ctx, path, dir, installation.Here())
	return Tool{path, ggml}, err
}

// Inside returns the bundle inside this program, which has a native tool; an empty one if only a user's folder dir is
// searched.
func Inside(dir string) bundle.Bundle {
	if installation.Only(dir) {
		return bundle.Bundle{}
	}
	return bundle.Own()
}

// FindTool returns the path of the native tool in the first of dirs that has it.
func FindTool(dirs []string) (string, error) {
	for _, dir := range dirs {
		if path := installation.Tool(dir); path != "" {
			return path, nil
		}
	}
	return "", hint.New("the native tool "+toolName+" was not found",
		"build it first: fh-ollama build --plugin, or fh-ollama build; then use the fh-ollama in its bin, or name its "+
			"folder in FH_OLLAMA_LIB")
}

// Borrows reports whether a native tool is the plug-in's, which runs on an installed Ollama's ggml. It cannot list
// devices.
func Borrows(tool string) bool {
	_, err := os.Stat(filepath.Join(filepath.Dir(tool), installation.ToolCodeName))
	return err == nil
}

// FindGGML returns the folder of ggml's libraries for a native tool: "" if the tool has its own, dir if that has some,
// else that of the best trusted Ollama in places.
func FindGGML(ctx context.Context, tool, dir string, places installation.Places) (string, error) {
	if !Borrows(tool) {
		return "", nil
	}
	if dir != "" && installation.HoldsGGML(dir) {
		return filepath.Abs(dir)
	}
	found, err := installation.Find(ctx, places)
	if errors.Is(err, installation.ErrNone) {
		return "", hint.New("no Ollama is found on this machine, and "+toolName+" needs its libraries",
			"install Ollama, or add the folder of its program to PATH, or name its lib/ollama in FH_OLLAMA_LIB")
	}
	if err != nil {
		return "", err
	}
	var others []string // those of other users
	for _, ollama := range found {
		switch {
		case ollama.LibDir == "" || !installation.HoldsGGML(ollama.LibDir):
		case !ollama.Trusted():
			others = append(others, ollama.Program)
		default:
			return ollama.LibDir, nil
		}
	}
	if len(others) > 0 {
		return "", hint.New("the Ollama at "+others[0]+" belongs to another user, whose libraries are not run",
			"install Ollama for all users, or, if you trust it, name its lib/ollama in FH_OLLAMA_LIB")
	}
	return "", hint.New("the Ollama at "+found[0].Program+" has no libraries of ggml, which "+toolName+" needs",
		"update Ollama to 0.30 or newer, or name the lib/ollama of another in FH_OLLAMA_LIB")
}
