package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// licensesDir has the licenses of Go modules in the patched build's archive.
const licensesDir = "share/fh-ollama/licenses"

var licenseFile = regexp.MustCompile(`(?i)^(licen[sc]e|copying|notice|patents)`)

// moduleLicenses reads the licenses of Go and of all modules of the programs, from Go's module cache, and names them
// MODULE@VERSION/FILE. It is an error if one has none.
func moduleLicenses(ctx context.Context, programs []program) ([]entry, error) {
	cmd := exec.CommandContext(ctx, "go", "env", "-json", "GOMODCACHE", "GOROOT", "GOVERSION")
	cmd.Env = process.Environment()
	out, err := cmd.Output()
	if err != nil {
		return nil, hint.Wrap(fmt.Errorf("go env: %w", err), "put Go in PATH")
	}
	var env struct{ GOMODCACHE, GOROOT, GOVERSION string }
	if err := json.Unmarshal(out, &env); err != nil {
		return nil, err
	}
	from := map[string]string{} // MODULE@VERSION → folder on this machine; the standard library is the module "std"
	for _, p := range programs {
		if p.info.GoVersion != env.GOVERSION {
			return nil, hint.New(fmt.Sprintf("%s was made by %s, but %s is here", p.name, p.info.GoVersion, env.GOVERSION),
				"build it again")
		}
		from["std@"+strings.TrimPrefix(p.info.GoVersion, "go")] = env.GOROOT
		for _, m := range p.info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			path, err := module.EscapePath(m.Path)
			if err != nil {
				return nil, err
			}
			version, err := module.EscapeVersion(m.Version)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.Path, err)
			}
			from[m.Path+"@"+m.Version] = filepath.Join(env.GOMODCACHE, filepath.FromSlash(path)+"@"+version)
		}
	}
	var list []entry
	for module, dir := range from {
		files, err := licensesIn(dir, module)
		if err != nil {
			return nil, err
		}
		list = append(list, files...)
	}
	slices.SortFunc(list, byName)
	return list, nil
}

// licensesIn reads the licenses of a module at the top of its folder dir.
func licensesIn(dir, module string) ([]entry, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, hint.Wrap(err, "run `go mod download`, and build again")
	}
	var list []entry
	for _, f := range files {
		if f.IsDir() || !licenseFile.MatchString(f.Name()) {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		list = append(list, entry{name: module + "/" + f.Name(), data: data, mode: 0o644})
	}
	if len(list) == 0 {
		return nil, hint.New(fmt.Sprintf("no license is found in %s", dir),
			"what may not be passed on cannot be released: look for it there")
	}
	return list, nil
}
