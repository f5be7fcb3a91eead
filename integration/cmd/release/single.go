package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// single reads fh-ollama with the plug-in inside, and joins all licenses in one file. version is that of the release.
func single(ctx context.Context, o options, version string) (*contents, error) {
	const again = "run `make bundle` again"
	data, err := os.ReadFile(o.program)
	if err != nil {
		return nil, hint.Wrap(err, again)
	}
	var llamaCpp entry
	for _, name := range bundle.Files {
		file, err := os.ReadFile(filepath.Join(o.plugin, name))
		if err != nil {
			return nil, hint.Wrap(err, again)
		}
		if !bytes.Contains(data, file) {
			return nil, hint.New(fmt.Sprintf("%s does not have the plug-in of %s inside", o.program, o.plugin), again)
		}
		if filepath.Base(name) == bundle.LicenseName {
			llamaCpp = entry{name: "llama.cpp, in the plug-in inside", data: file}
		}
	}
	info, err := buildinfo.Read(bytes.NewReader(data))
	if err != nil {
		return nil, hint.Wrap(err, again)
	}
	p := program{"fh-ollama", info}
	licenses, err := moduleLicenses(ctx, []program{p})
	if err != nil {
		return nil, err
	}
	licenses = append([]entry{{name: "fh-ollama", data: o.license}}, licenses...)
	licenses = append(licenses, llamaCpp)
	var text bytes.Buffer
	for _, l := range licenses {
		fmt.Fprintf(&text, "==== %s ====\n\n%s\n\n", l.name, bytes.TrimSpace(l.data))
	}
	return &contents{name: "fh-ollama-" + version + "-" + p.platform(), entries: []entry{
		{name: "fh-ollama", data: data, mode: 0o755},
		{name: "LICENSES", data: text.Bytes(), mode: 0o644},
	}}, nil
}
