package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"io/fs"
	"os"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// single reads fh-ollama with the plug-in inside, and joins all licenses in one file. version is that of the release.
func single(ctx context.Context, o options, version string) (*contents, error) {
	const again = "run `make bundle` again"
	var archive bytes.Buffer
	if err := bundle.Pack(&archive, os.DirFS(o.plugin)); err != nil {
		return nil, err
	}
	data, err := os.ReadFile(o.program)
	if err != nil {
		return nil, hint.Wrap(err, again)
	}
	if !bytes.Contains(data, archive.Bytes()) {
		return nil, hint.New(fmt.Sprintf("%s does not have the plug-in of %s inside", o.program, o.plugin), again)
	}
	info, err := buildinfo.Read(bytes.NewReader(data))
	if err != nil {
		return nil, hint.Wrap(err, again)
	}
	p := program{"fh-ollama", info}
	c := &contents{name: "fh-ollama-" + version + "-" + p.platform()}
	files, err := bundle.New(archive.Bytes()).Files()
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(files, "*")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		c.inside = append(c.inside, entry{name: name, data: data})
	}
	licenses, err := moduleLicenses(ctx, []program{p})
	if err != nil {
		return nil, err
	}
	licenses = append([]entry{{name: "fh-ollama", data: o.license}}, licenses...)
	for _, e := range c.inside {
		if e.name == bundle.LicenseName {
			licenses = append(licenses, entry{name: "llama.cpp, in the plug-in inside", data: e.data})
		}
	}
	var text bytes.Buffer
	for _, l := range licenses {
		fmt.Fprintf(&text, "==== %s ====\n\n%s\n\n", l.name, bytes.TrimSpace(l.data))
	}
	c.entries = []entry{
		{name: "fh-ollama", data: data, mode: 0o755},
		{name: "LICENSES", data: text.Bytes(), mode: 0o644},
	}
	return c, nil
}
