package main

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/install"
)

// licenseName is the path of our own license in the patched build's archive.
const licenseName = "share/fh-ollama/LICENSE"

// patched reads the patched build and the licenses of its Go modules. The archive can be run, and installed by
// `fh-ollama install --prefix`.
func patched(ctx context.Context, o options, build install.Build) (*contents, error) {
	c := &contents{}
	for _, name := range build.Names {
		e := entry{name: name}
		path := filepath.Join(o.prefix, filepath.FromSlash(name))
		info, err := os.Lstat(path)
		if err == nil && info.Mode()&fs.ModeSymlink != 0 {
			e.link, err = os.Readlink(path)
		} else if err == nil {
			e.mode = info.Mode().Perm()&0o755 | 0o444 // whatever the umask
			e.data, err = os.ReadFile(path)
		}
		if err != nil {
			return nil, hint.Wrap(err, "run `fh-ollama build` again")
		}
		c.entries = append(c.entries, e)
	}
	var programs []program
	for _, name := range []string{"bin/fh-ollama", "bin/ollama"} {
		info, err := buildinfo.ReadFile(filepath.Join(o.prefix, filepath.FromSlash(name)))
		if err != nil {
			return nil, hint.Wrap(err, "release a whole build, of `fh-ollama build`")
		}
		programs = append(programs, program{name, info})
	}
	licenses, err := moduleLicenses(ctx, programs)
	if err != nil {
		return nil, err
	}
	extra := []entry{{name: licenseName, data: o.license, mode: 0o644}}
	for _, l := range licenses {
		l.name = licensesDir + "/" + l.name
		extra = append(extra, l)
	}
	// What is not part of the build is listed for `fh-ollama install --prefix`.
	var names []string
	for _, e := range extra {
		names = append(names, e.name)
	}
	slices.Sort(names)
	list, err := json.MarshalIndent(map[string]any{"files": names}, "", "  ")
	if err != nil {
		return nil, err
	}
	extra = append(extra, entry{name: install.ReleaseManifest, data: append(list, '\n'), mode: 0o644})
	c.entries = append(c.entries, extra...)
	c.name = "ollama-flashhead-" + build.FHOllama + "-" + programs[0].platform()
	return c, nil
}
