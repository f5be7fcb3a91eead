package main

import (
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

const library = "libggml-flashhead.so"

// host is an Ollama with the environment in which its programs load the plug-in.
type host struct {
	harness.Prefix
	plugin []string
}

// layOut copies a release to dir, with fh-ollama and the plug-in of own beside it, as users have it.
func layOut(release, own harness.Prefix, dir string) (host, error) {
	for _, file := range []string{own.Bin("fh-ollama"), filepath.Join(string(own), "lib", "flashhead", library)} {
		if _, err := os.Stat(file); err != nil {
			return host{}, hint.Wrap(err, "run make plugin first, or name another folder with --prefix")
		}
	}
	if err := os.CopyFS(dir, os.DirFS(string(release))); err != nil {
		return host{}, err
	}
	plugin := filepath.Join(dir, "lib", "flashhead")
	if err := os.CopyFS(plugin, os.DirFS(filepath.Join(string(own), "lib", "flashhead"))); err != nil {
		return host{}, err
	}
	program, err := os.ReadFile(own.Bin("fh-ollama"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "bin", "fh-ollama"), program, 0o755)
	}
	path := filepath.Join(dir, "bin") + string(os.PathListSeparator) + os.Getenv("PATH")
	return host{harness.Prefix(dir), []string{"GGML_BACKEND_PATH=" + filepath.Join(plugin, library), "PATH=" + path}}, err
}
