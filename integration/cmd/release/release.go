package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/install"
)

// options of a release.
type options struct {
	prefix  string    // the patched build: see install.ReadBuild
	program string    // path of fh-ollama with the plug-in inside
	plugin  string    // the build of that plug-in
	out     string    // folder for the result; created if needed
	license []byte    // our own
	time    time.Time // of every file, so that the same sources give the same archive
	private []string  // folders of this machine, which no file may name
}

// release writes both archives and their checksums, as `sha256sum --check` reads them, and returns the paths. After an
// error none of them exists. The same builds give the same bytes.
func release(ctx context.Context, o options) ([]string, error) {
	build, err := install.ReadBuild(o.prefix)
	if err != nil {
		return nil, err
	}
	ollama, err := patched(ctx, o, build)
	if err != nil {
		return nil, err
	}
	program, err := single(ctx, o, build.FHOllama)
	if err != nil {
		return nil, err
	}
	var files []entry
	var lines strings.Builder
	for _, c := range []*contents{program, ollama} {
		if err := c.private(o.private); err != nil {
			return nil, err
		}
		var archive bytes.Buffer
		if err := c.archive(&archive, o.time); err != nil {
			return nil, err
		}
		f := entry{name: c.name + ".tar.gz", data: archive.Bytes()}
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(f.data), f.name)
		files = append(files, f)
	}
	return publish(o.out, append(files, entry{name: "SHA256SUMS", data: []byte(lines.String())}))
}

// publish writes files to the folder out, each whole or not at all.
func publish(out string, files []entry) ([]string, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, hint.Wrap(err, "name a folder that you may write to")
	}
	var paths []string
	for _, f := range files {
		path := filepath.Join(out, f.name)
		w, err := atomicfile.Create(path, "-o", int64(len(f.data)), true)
		if err != nil {
			return nil, err
		}
		defer w.Discard()
		if err := w.Complete(f.data); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}
