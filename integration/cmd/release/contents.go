package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// entry is one file of an archive, or a symbolic link.
type entry struct {
	name string
	data []byte
	mode fs.FileMode
	link string
}

func byName(a, b entry) int { return strings.Compare(a.name, b.name) }

// contents is the content of an archive.
type contents struct {
	name    string // of its folder
	entries []entry
}

// program is a Go program and its build information.
type program struct {
	name string
	info *buildinfo.BuildInfo
}

// platform returns the system and the architecture that p is for, as an archive's name has them.
func (p program) platform() string {
	settings := map[string]string{}
	for _, s := range p.info.Settings {
		settings[s.Key] = s.Value
	}
	return settings["GOOS"] + "-" + settings["GOARCH"]
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
func (c *contents) archive(w io.Writer, when time.Time) error {
	slices.SortFunc(c.entries, byName)
	zip := gzip.NewWriter(w)
	out := tar.NewWriter(zip)
	for _, e := range c.entries {
		header := tar.Header{
			Typeflag: tar.TypeReg, Name: c.name + "/" + e.name, Size: int64(len(e.data)), Mode: int64(e.mode),
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
