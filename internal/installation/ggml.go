package installation

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
)

// Host is a ggml that the plug-in was checked with.
type Host struct {
	Version string // ggml_version()
	Commit  string // ggml_commit()
	Ollama  string // version of the Ollama that has it
}

var hostLine = regexp.MustCompile(`^FLASH_HEAD_HOST\("([^"]+)", "([^"]+)", "([^"]+)"\)`)

// ReadHosts reads the list of hosts that is compiled into the plug-in.
func ReadHosts(files fs.FS, name string) ([]Host, error) {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	var hosts []Host
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "FLASH_HEAD_HOST") {
			continue
		}
		m := hostLine.FindStringSubmatch(line)
		if m == nil {
			return nil, fmt.Errorf("%s: not the line of a host: %q", name, strings.TrimSpace(line))
		}
		hosts = append(hosts, Host{m[1], m[2], m[3]})
	}
	if len(hosts) == 0 {
		return nil, errors.New(name + " lists no host")
	}
	return hosts, nil
}

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
