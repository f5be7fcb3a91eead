package bundle

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// unusedFor is how long a tool that another version unpacked stays after its last use.
const unusedFor = 24 * time.Hour

// elsewhere is the hint if the tool cannot be run from the cache.
const elsewhere = "name another folder in " + atomicfile.CacheVariable

// Unpack makes the native tool of b runnable and returns its path. It writes the tool's files to a folder of the cache
// that has this user and the content's digest in its name, or finds and compares them there. It removes the folders of
// other versions that were not used for a day. b is not empty.
func (b Bundle) Unpack() (tool string, err error) {
	names := []string{installation.ToolName, installation.ToolCodeName}
	contents, digest := map[string][]byte{}, sha256.New()
	for _, name := range names {
		if contents[name], err = fs.ReadFile(b, name); err != nil {
			return "", err
		}
		digest.Write(contents[name])
	}
	cache, err := atomicfile.CacheFolder()
	if err != nil {
		return "", err
	}
	versions := filepath.Join(cache, "tool-"+strconv.Itoa(os.Getuid())) // users may share a cache, but not programs
	dir := filepath.Join(versions, hex.EncodeToString(digest.Sum(nil)[:8]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", hint.Wrap(err, elsewhere)
	}
	for _, folder := range []string{versions, dir} {
		if !process.Trusted(folder) {
			return "", hint.New("others may write to "+folder+", so no program is run from there", elsewhere)
		}
	}
	if forbidsPrograms(dir) {
		return "", hint.New(dir+" is on a file system that runs no programs (noexec)", elsewhere)
	}
	for _, name := range names {
		if err := unpack(contents[name], filepath.Join(dir, name)); err != nil {
			return "", hint.Wrap(fmt.Errorf("cannot unpack the native tool: %w", err), elsewhere)
		}
	}
	now := time.Now()
	os.Chtimes(dir, now, now) // in use
	removeUnused(versions, dir, now.Add(-unusedFor))
	return filepath.Join(dir, installation.ToolName), nil
}

// unpack makes the content of the file at path want. A link or a file with other content or another mode is replaced.
func unpack(want []byte, path string) error {
	const mode = 0o755
	if info, err := os.Lstat(path); err == nil && info.Mode() == mode && info.Size() == int64(len(want)) &&
		process.Trusted(path) {
		if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, want) {
			return nil
		}
	}
	return atomicfile.Write(path, bytes.NewReader(want), mode)
}

// removeUnused removes the folders in versions, other than own, that were last used before then.
func removeUnused(versions, own string, then time.Time) {
	entries, _ := os.ReadDir(versions)
	for _, entry := range entries {
		path := filepath.Join(versions, entry.Name())
		if info, err := entry.Info(); err == nil && path != own && info.ModTime().Before(then) {
			os.RemoveAll(path)
		}
	}
}
