package installation

import (
	"path/filepath"
	"regexp"
)

var baseVersion = regexp.MustCompile(`^libggml-base\.so\.(\d+\.\d+\.\d+)$`)

// GGML is the version of the ggml of i, from the name of its library; "" if that does not tell. Which commit of that version it
// is, builds seldom know themselves: Ollama's say "unknown".
func (i Installation) GGML() string {
	version := ""
	if i.LibDir != "" {
		paths, _ := filepath.Glob(filepath.Join(i.LibDir, "libggml-base.so.*"))
		for _, path := range paths {
			if m := baseVersion.FindStringSubmatch(filepath.Base(path)); m != nil {
				version = m[1]
			}
		}
	}
	return version
}
