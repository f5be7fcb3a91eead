package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// options of a release.
type options struct {
	prefix  string    // a build: see install.ReadBuild
	out     string    // folder for the result; created if needed
	license []byte    // our own
	time    time.Time // of every file, so that the same sources give the same archive
	private []string  // folders of this machine, which no file may name
}

// sums is the file with the checksums, as `sha256sum --check` reads it.
const sums = "SHA256SUMS"

// release writes the archive and its checksum and returns their paths. After an error neither exists. The same build
// gives the same bytes.
func release(ctx context.Context, o options) ([]string, error) {
	c, err := collect(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := c.private(o.private); err != nil {
		return nil, err
	}
	if err := c.manifest(); err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	if err := c.archive(&archive, c.name(), o.time); err != nil {
		return nil, err
	}
	name := c.name() + ".tar.gz"
	sum := sha256.Sum256(archive.Bytes())
	line := fmt.Sprintf("%s  %s\n", hex.EncodeToString(sum[:]), name)
	return publish(o.out, []file{{name, archive.Bytes()}, {sums, []byte(line)}})
}

type file struct {
	name string
	data []byte
}

// publish writes files to the folder out, each whole or not at all.
func publish(out string, files []file) ([]string, error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, hint.Wrap(err, "name a folder that you may write to")
	}
	var paths []string
	for _, f := range files {
		path := filepath.Join(out, f.name)
		w, err := atomicfile.Replace(path, "-o", int64(len(f.data)))
		if err != nil {
			return nil, err
		}
		_, err = w.Write(f.data)
		if err == nil {
			err = w.Finish()
		}
		if err == nil {
			err = w.Publish()
		}
		if err != nil {
			w.Discard()
			return nil, w.Explain(err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}
