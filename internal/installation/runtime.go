package installation

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/process"
)

// ServerName is the program that runs models for Ollama since version 0.30.
const ServerName = "llama-server"

// libDir returns the folder from which program would start llama-server, as Ollama searches it on Linux (its
// llm/llama_binary.go), links resolved, for llama.cpp loads its backends from there; "" if there is none. The folders
// of a build in Ollama's working directory are left out.
func libDir(program string) string {
	dir := filepath.Dir(program)
	folders := []string{
		filepath.Join(dir, "..", "lib", "ollama"),
		filepath.Join(dir, "lib", "ollama"),
		filepath.Join(dir, "build", "lib", "ollama"),
		filepath.Join(dir, "dist", "linux-"+runtime.GOARCH, "lib", "ollama"),
		filepath.Join(dir, "dist", "linux_"+runtime.GOARCH, "lib", "ollama"),
		dir,
	}
	builds, _ := filepath.Glob(filepath.Join(dir, "build", ServerName+"-*", "bin"))
	for _, folder := range append(folders, builds...) {
		path := filepath.Join(folder, ServerName)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return filepath.Dir(resolve(path))
		}
	}
	return ""
}

// versionTimeout bounds the wait for a program that is asked for its version; a sound one needs milliseconds.
const versionTimeout = 10 * time.Second

// clientVersion is in what `ollama --version` prints when no server answers it.
var clientVersion = regexp.MustCompile(`(?m)(?:client|ollama) version is (\S+)$`)

// version asks program for its own version, not for that of a running server; "" without an answer.
func version(ctx context.Context, program string) string {
	if !process.Trusted(program) {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--version")
	cmd.Env = process.Environment("OLLAMA_HOST=127.0.0.1:1") // where nothing answers
	cmd.WaitDelay = time.Second
	out, _ := cmd.CombinedOutput()
	if m := clientVersion.FindSubmatch(out); m != nil {
		return string(m[1])
	}
	return ""
}
