package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/install"
)

// licenseName is the path of our own license in the archive's folder.
const licenseName = "share/fh-ollama/LICENSE"

// entry is one file of the archive, or a symbolic link.
type entry struct {
	name string
	data []byte
	mode fs.FileMode
	link string
}

// contents is the content of the archive.
type contents struct {
	build    install.Build
	entries  []entry
	programs []program
	extra    []string // names that are not part of the build
}

// program is a Go program and its build information.
type program struct {
	name string
	info *buildinfo.BuildInfo
}

// collect reads the build and the licenses of its Go modules.
func collect(ctx context.Context, o options) (*contents, error) {
	c := &contents{}
	var err error
	if c.build, err = install.ReadBuild(o.prefix); err != nil {
		return nil, err
	}
	for _, name := range c.build.Names {
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
	for _, name := range []string{"bin/fh-ollama", "bin/ollama"} {
		info, err := buildinfo.ReadFile(filepath.Join(o.prefix, filepath.FromSlash(name)))
		if err != nil {
			return nil, hint.Wrap(err, "release a whole build, of `fh-ollama build`")
		}
		c.programs = append(c.programs, program{name, info})
	}
	c.extend(entry{name: licenseName, data: o.license, mode: 0o644})
	licenses, err := moduleLicenses(ctx, c.programs)
	if err != nil {
		return nil, err
	}
	c.extend(licenses...)
	return c, nil
}

// extend adds files that are not part of the build.
func (c *contents) extend(entries ...entry) {
	for _, e := range entries {
		c.entries = append(c.entries, e)
		c.extra = append(c.extra, e.name)
	}
}

// manifest adds the list of the files that are not part of the build, for `fh-ollama install --prefix`.
func (c *contents) manifest() error {
	slices.Sort(c.extra)
	data, err := json.MarshalIndent(map[string]any{"files": c.extra}, "", "  ")
	if err != nil {
		return err
	}
	c.entries = append(c.entries, entry{name: install.ReleaseManifest, data: append(data, '\n'), mode: 0o644})
	return nil
}

// name returns the archive's name: program, version, system and architecture.
func (c *contents) name() string {
	settings := map[string]string{}
	for _, s := range c.programs[0].info.Settings {
		settings[s.Key] = s.Value
	}
	return fmt.Sprintf("fh-ollama-%s-%s-%s", c.build.FHOllama, settings["GOOS"], settings["GOARCH"])
}

// private returns an error if a file contains the path of one of folders.
func (c *contents) private(folders []string) error {
	for _, e := range c.entries {
		for _, folder := range folders {
			if folder = strings.TrimSuffix(folder, "/"); folder != "" && bytes.Contains(e.data, []byte(folder+"/")) {
				return hint.New(fmt.Sprintf("%s names %s, a folder of this machine", e.name, folder),
					"release a build of `fh-ollama build --cpu-variants all`, which leaves them out")
			}
		}
	}
	return nil
}

// archive writes a reproducible .tar.gz: sorted names, one time, one owner.
func (c *contents) archive(w io.Writer, top string, when time.Time) error {
	entries := slices.Clone(c.entries)
	slices.SortFunc(entries, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	zip := gzip.NewWriter(w)
	out := tar.NewWriter(zip)
	for _, e := range entries {
		header := tar.Header{
			Typeflag: tar.TypeReg, Name: top + "/" + e.name, Size: int64(len(e.data)), Mode: int64(e.mode),
			ModTime: when.UTC().Truncate(time.Second), Format: tar.FormatPAX,
		}
		if e.link != "" {
			header.Typeflag, header.Linkname, header.Mode = tar.TypeSymlink, e.link, 0o777
		}
		if err := out.WriteHeader(&header); err != nil {
			return err
		}
		if _, err := out.Write(e.data); err != nil {
			return err
		}
	}
	if err := out.Close(); err != nil {
		return err
	}
	return zip.Close()
}
