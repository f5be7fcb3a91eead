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

// ServerName is the program that runs models for Ollama, since version 0.30.
const ServerName = "llama-server"

// libDir returns the folder, links resolved, from which program starts llama-server, "" if there is none. It searches
// as Ollama's llm/llama_binary.go does on Linux, except in Ollama's working directory.
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

// versionTimeout bounds the wait for a version, which normally takes milliseconds.
const versionTimeout = 10 * time.Second

// clientVersion matches what `ollama --version` prints when no server answers.
var clientVersion = regexp.MustCompile(`(?m)(?:client|ollama) version is (\S+)$`)

// version asks program for its own version, not a running server's; "" if it does not answer.
func version(ctx context.Context, program string) string {
	if !process.Trusted(program) {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--version")
	cmd.Env = process.Environment("OLLAMA_HOST=127.0.0.1:1") // no server answers there
	cmd.WaitDelay = time.Second
	out, _ := cmd.CombinedOutput()
	if m := clientVersion.FindSubmatch(out); m != nil {
		return string(m[1])
	}
	return ""
}
