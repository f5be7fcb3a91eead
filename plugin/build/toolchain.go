package build

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Toolchain holds the paths of the programs that a build runs.
type Toolchain struct {
	Go, CMake, Ninja, Git string
	CC, CXX               Compiler
}

// tool is a required program, and the packages that provide it.
type tool struct {
	names  []string // tried in order
	debian string
	brew   string
}

var (
	toolGo    = tool{names: []string{"go"}, debian: "golang", brew: "go"}
	toolCMake = tool{names: []string{"cmake"}, debian: "cmake", brew: "cmake"}
	toolNinja = tool{names: []string{"ninja", "ninja-build"}, debian: "ninja-build", brew: "ninja"}
	toolGit   = tool{names: []string{"git"}, debian: "git", brew: "git"}
	toolCC    = tool{names: []string{"cc", "gcc", "clang"}, debian: "build-essential", brew: "llvm"}
	toolCXX   = tool{names: []string{"c++", "g++", "clang++"}, debian: "build-essential", brew: "llvm"}
)

// FindToolchain finds the programs for a build of Ollama. The error names all that are missing, and their packages.
func FindToolchain() (Toolchain, error) {
	var t Toolchain
	missing := findAll([]wantedTool{{toolGo, &t.Go}, {toolCMake, &t.CMake}, {toolNinja, &t.Ninja}, {toolGit, &t.Git}})
	missing = t.CC.find("CC", toolCC, missing)
	missing = t.CXX.find("CXX", toolCXX, missing)
	return t, missingTools(missing...)
}

// findPluginToolchain finds the programs for a build of the plug-in. Git is optional: it names the version of a
// checkout.
func findPluginToolchain() (Toolchain, error) {
	var t Toolchain
	missing := findAll([]wantedTool{{toolCMake, &t.CMake}, {toolNinja, &t.Ninja}})
	missing = t.CXX.find("CXX", toolCXX, missing)
	t.Git, _ = toolGit.find()
	return t, missingTools(missing...)
}

// wantedTool is a tool and where to store its path.
type wantedTool struct {
	tool tool
	path *string
}

// findAll stores the paths, and returns the missing tools.
func findAll(wanted []wantedTool) (missing []tool) {
	for _, want := range wanted {
		var ok bool
		if *want.path, ok = want.tool.find(); !ok {
			missing = append(missing, want.tool)
		}
	}
	return missing
}

// find sets c to the compiler in the variable env, or else in t. It adds a missing one to missing.
func (c *Compiler) find(env string, t tool, missing []tool) []tool {
	var ok bool
	if *c, ok = findCompiler(env, t.names); ok {
		return missing
	}
	if named := os.Getenv(env); named != "" {
		t.names = []string{env + "=" + named}
	}
	return append(missing, t)
}

// find looks the tool up in PATH.
func (t tool) find() (string, bool) {
	for _, name := range t.names {
		if path, err := exec.LookPath(name); err == nil {
			return path, true
		}
	}
	return "", false
}

// missingTools is the error for missing tools, nil without any.
func missingTools(tools ...tool) error {
	if len(tools) == 0 {
		return nil
	}
	var names, debian, brew []string
	for _, t := range tools {
		names = append(names, t.names[0])
		debian = append(debian, t.debian)
		brew = append(brew, t.brew)
	}
	packages := func(list []string) string { return strings.Join(slices.Compact(list), " ") } // equal ones are neighbours
	return hint.New(
		"not found in PATH: "+strings.Join(names, ", "),
		fmt.Sprintf("install with `apt install %s` or `brew install %s`", packages(debian), packages(brew)))
}
