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

// Files of the single program's archive.
const (
	programName  = "fh-ollama"
	licensesName = "LICENSES"
)

// single reads fh-ollama with the plug-in inside, and joins all licenses in one file. version is that of the release.
func single(ctx context.Context, o options, version string) (*contents, error) {
	const again = "run `make bundle` again"
	data, err := os.ReadFile(o.program)
	if err != nil {
		return nil, hint.Wrap(err, again)
	}
	var llamaCpp license
	for _, name := range bundle.Files {
		file, err := os.ReadFile(filepath.Join(o.plugin, name))
		if err != nil {
			return nil, hint.Wrap(err, again)
		}
		if !bytes.Contains(data, file) {
			return nil, hint.New(fmt.Sprintf("%s does not have the plug-in of %s inside", o.program, o.plugin), again)
		}
		if filepath.Base(name) == bundle.LicenseName {
			llamaCpp = license{name: "llama.cpp, in the plug-in inside", text: file}
		}
	}
	info, err := buildinfo.Read(bytes.NewReader(data))
	if err != nil {
		return nil, hint.Wrap(err, again)
	}
	p := program{programName, info}
	licenses, err := moduleLicenses(ctx, []program{p})
	if err != nil {
		return nil, err
	}
	licenses = append(append([]license{{name: "fh-ollama", text: o.license}}, licenses...), llamaCpp)
	var text bytes.Buffer
	for _, l := range licenses {
		fmt.Fprintf(&text, "==== %s ====\n\n%s\n\n", l.name, bytes.TrimSpace(l.text))
	}
	return &contents{name: "fh-ollama-" + version + "-" + p.platform(), entries: []entry{
		{name: programName, data: data, mode: 0o755},
		{name: licensesName, data: text.Bytes(), mode: 0o644},
	}}, nil
}
