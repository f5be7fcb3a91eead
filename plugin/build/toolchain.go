package build

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
	CC, CXX               Compiler
}

// tool is a program that a build needs, and the packages that bring it.
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

// FindToolchain looks for every program that a build of Ollama needs; the error names all that are missing and what
// brings them.
func FindToolchain() (Toolchain, error) {
	var t Toolchain
	missing := findAll([]wantedTool{{toolGo, &t.Go}, {toolCMake, &t.CMake}, {toolNinja, &t.Ninja}, {toolGit, &t.Git}})
	missing = t.CC.find("CC", toolCC, missing)
	missing = t.CXX.find("CXX", toolCXX, missing)
	return t, missingTools(missing...)
}

// findPluginToolchain looks for what a build of the plug-in needs. Git is used if it is there, to name a checkout.
func findPluginToolchain() (Toolchain, error) {
	var t Toolchain
	missing := findAll([]wantedTool{{toolCMake, &t.CMake}, {toolNinja, &t.Ninja}})
	missing = t.CXX.find("CXX", toolCXX, missing)
	t.Git, _ = toolGit.find()
	return t, missingTools(missing...)
}

// wantedTool is a tool and where its path goes.
type wantedTool struct {
	tool tool
	path *string
}

// findAll sets the path of every wanted tool and returns those that are missing.
func findAll(wanted []wantedTool) (missing []tool) {
	for _, want := range wanted {
		var ok bool
		if *want.path, ok = want.tool.find(); !ok {
			missing = append(missing, want.tool)
		}
	}
	return missing
}

// find sets c to the compiler that the variable env names, or the tool's, and returns the missing with it if it is not there.
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

// find returns the path of the tool in PATH.
func (t tool) find() (string, bool) {
	for _, name := range t.names {
		if path, err := exec.LookPath(name); err == nil {
			return path, true
		}
	}
	return "", false
}

// missingTools is the error for tools that are not installed, nil for none.
func missingTools(tools ...tool) error {
	if len(tools) == 0 {
		return nil
	}
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
