// Package release makes what is given to people who do not build: an archive of a build, with the licence of everything in
// it, a bill of materials in SPDX 2.3 and checksums. The same build makes the same bytes.
package release

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
	"github.com/fh-ollama/fh-ollama/plugin/source"
)

// Options say what to release.
type Options struct {
	Prefix  string      // a build: see prefix.ReadBuild
	Out     string      // folder for the result, which is made
	License []byte      // text of our own
	Pins    source.Pins // of the sources that were built
	Time    time.Time   // of everything: archives have times, and the same sources must have the same
	Private []string    // folders of this machine, which no file may name
}

// sums is the file with the checksums, as `sha256sum --check` reads it.
const sums = "SHA256SUMS"

// Make writes the archive, the bill and the checksums and returns their paths. An error leaves none under its name.
func Make(ctx context.Context, o Options) ([]string, error) {
	c, err := collect(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := c.private(o.Private); err != nil {
		return nil, err
	}
	bill, err := c.bill(o)
	if err != nil {
		return nil, err
	}
	c.add(entry{name: billName, data: bill, mode: 0o644})
	if err := c.manifest(); err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	if err := c.archive(&archive, c.name(), o.Time); err != nil {
		return nil, err
	}
	files := []file{{c.name() + ".tar.gz", archive.Bytes()}, {c.name() + ".spdx.json", bill}}
	var list bytes.Buffer
	for _, f := range files {
		sum := sha256.Sum256(f.data)
		fmt.Fprintf(&list, "%s  %s\n", hex.EncodeToString(sum[:]), f.name)
	}
	return publish(o.Out, append(files, file{sums, list.Bytes()}))
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
