package installation

import (
	"path/filepath"
	"regexp"
)

var baseVersion = regexp.MustCompile(`^libggml-base\.so\.(\d+\.\d+\.\d+)$`)

// GGML returns the version of ggml in i, from the name of its library; "" if unknown. Its commit is not known: Ollama's
// builds report "unknown".
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
