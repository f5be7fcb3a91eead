package plugin

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Toolchain holds the paths of the programs that a build runs.
type Toolchain struct {
	Go, CMake, Ninja, Git string
	CC, CXX               string
	CCache                string // "" if there is none; it only saves time
}

// tool is a program that a build needs, and the packages that bring it.
type tool struct {
	names  []string // tried in order
	env    string   // environment variable that names another program, or ""
	debian string
	brew   string
}

var (
	toolGo    = tool{names: []string{"go"}, debian: "golang", brew: "go"}
	toolCMake = tool{names: []string{"cmake"}, debian: "cmake", brew: "cmake"}
	toolNinja = tool{names: []string{"ninja", "ninja-build"}, debian: "ninja-build", brew: "ninja"}
	toolGit   = tool{names: []string{"git"}, debian: "git", brew: "git"}
	toolCC    = tool{names: []string{"cc", "gcc", "clang"}, env: "CC", debian: "build-essential", brew: "llvm"}
	toolCXX   = tool{names: []string{"c++", "g++", "clang++"}, env: "CXX", debian: "build-essential", brew: "llvm"}
)

// FindToolchain looks for every program that a build of Ollama needs; the error names all that are missing and what
// brings them.
func FindToolchain() (Toolchain, error) {
	var t Toolchain
	err := t.find([]wantedTool{
		{toolGo, &t.Go}, {toolCMake, &t.CMake}, {toolNinja, &t.Ninja}, {toolGit, &t.Git}, {toolCC, &t.CC}, {toolCXX, &t.CXX},
	})
	return t, err
}

// findPluginToolchain looks for what a build of the plug-in needs. Git is used if it is there, to name a checkout.
func findPluginToolchain() (Toolchain, error) {
	var t Toolchain
	err := t.find([]wantedTool{{toolCMake, &t.CMake}, {toolNinja, &t.Ninja}, {toolCXX, &t.CXX}})
	t.Git, _ = toolGit.find()
	return t, err
}

// wantedTool is a tool and where its path goes.
type wantedTool struct {
	tool tool
	path *string
}

// find sets the path of every wanted tool, and that of ccache.
func (t *Toolchain) find(wanted []wantedTool) error {
	var missing []tool
	for _, want := range wanted {
		var ok bool
		if *want.path, ok = want.tool.find(); !ok {
			missing = append(missing, want.tool)
		}
	}
	if len(missing) > 0 {
		return missingTools(missing...)
	}
	t.CCache, _ = exec.LookPath("ccache")
	return nil
}

// find returns the path of the tool in PATH.
func (t tool) find() (string, bool) {
	names := t.names
	if named := os.Getenv(t.env); t.env != "" && named != "" {
		names = []string{named}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, true
		}
	}
	return "", false
}

// missingTools is the error for tools that are not installed.
func missingTools(tools ...tool) error {
	var names, debian, brew []string
	for _, t := range tools {
		names = append(names, t.names[0])
		debian = appendNew(debian, t.debian)
		brew = appendNew(brew, t.brew)
	}
	return hint.New(
		"not found in PATH: "+strings.Join(names, ", "),
		fmt.Sprintf("install with `apt install %s` or `brew install %s`", strings.Join(debian, " "), strings.Join(brew, " ")))
}

func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}
