package upstream

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// Versions that are not pinned have no hash in third_party. Ollama is verified by Go's checksum database. The archive
// with llama.cpp is verified by the hash that the package index gives. That is enough to read and patch it once for a
// report. Nothing of it is compiled, and a build accepts pins only.

var (
	ollamaVersion = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$`)
	pythonVersion = regexp.MustCompile(`^\d+(\.\d+)+(\.?[a-z]+\d*)?$`)
	updatedTo     = regexp.MustCompile(`(?i)update llama\.cpp to ggml-org/llama\.cpp@([0-9a-f]{7,40})`)
	ggmlVersion   = regexp.MustCompile(`set\(GGML_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)\)`)
)

// resolve downloads the requested versions and pins them for this check.
func (c *check) resolve(ctx context.Context, st *step.Step) error {
	c.report.Ollama, c.report.LlamaCpp = c.Pins.Ollama, c.Pins.LlamaCpp
	if v := c.opts.Ollama; v != "" && v != c.Pins.Ollama.Version && c.opts.OllamaSource == "" {
		if !ollamaVersion.MatchString(v) {
			return hint.New(fmt.Sprintf("%q is not a version of Ollama", v), "give one like v0.34.2")
		}
		st.Note("Ollama %s", v)
		c.Pins.Ollama.Version = v
		got, err := source.DownloadOllama(ctx, c.Tools.Go, c.Pins.Ollama, c.Builder.Options.Cache, c.FetchLog("ollama-"+v))
		if err != nil {
			return err
		}
		c.Pins.Ollama.Sum = got.Sum
	}
	if v := c.opts.LlamaCppPython; v != "" && v != c.Pins.LlamaCpp.Version && c.opts.LlamaCppSource == "" {
		if !pythonVersion.MatchString(v) {
			return hint.New(fmt.Sprintf("%q is not a version of %s", v, c.Pins.LlamaCpp.Package), "give one like 0.3.36")
		}
		st.Note("%s %s", c.Pins.LlamaCpp.Package, v)
		if err := c.resolveLlamaCpp(ctx, st, v); err != nil {
			return err
		}
	}
	c.report.Pinned = c.Pins.Ollama == c.report.Ollama && c.Pins.LlamaCpp == c.report.LlamaCpp
	c.report.Ollama, c.report.LlamaCpp = c.Pins.Ollama, c.Pins.LlamaCpp
	st.Note("Ollama %s, %s %s", c.Pins.Ollama.Version, c.Pins.LlamaCpp.Package, c.Pins.LlamaCpp.Version)
	return nil
}

func (c *check) resolveLlamaCpp(ctx context.Context, st *step.Step, version string) error {
	cache := c.Builder.Options.Cache
	unlock, err := source.LockFetching(ctx, st, cache)
	if err != nil {
		return err
	}
	defer unlock()
	pin := c.Pins.LlamaCpp
	pin.File = strings.ReplaceAll(pin.File, pin.Version, version)
	pin.Subdir = strings.ReplaceAll(pin.Subdir, pin.Version, version)
	pin.Version, pin.SHA256 = version, ""
	archive := filepath.Join(cache, "downloads", pin.File)
	if _, err := os.Stat(archive); errors.Is(err, fs.ErrNotExist) {
		if err := source.FetchArchive(ctx, st, pin, archive); err != nil {
			return err
		}
	}
	pin.Commit, pin.SHA256, err = readSdist(archive)
	c.Pins.LlamaCpp = pin
	return err
}

// readSdist returns the commit of llama.cpp that the change log in an archive of its Python package names, "" if none,
// and the SHA-256 of the archive.
func readSdist(archive string) (commit, sum string, err error) {
	f, err := os.Open(archive)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	hash := sha256.New()
	all := io.TeeReader(f, hash)
	zip, err := gzip.NewReader(all)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", archive, err)
	}
	for entries := tar.NewReader(zip); ; {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", "", fmt.Errorf("%s: %w", archive, err)
		}
		if strings.Count(entry.Name, "/") != 1 || !strings.HasSuffix(entry.Name, "/CHANGELOG.md") {
			continue
		}
		log, err := io.ReadAll(entries)
		if err != nil {
			return "", "", err
		}
		if m := updatedTo.FindSubmatch(log); m != nil { // the newest is the first
			commit = string(m[1])
		}
	}
	if _, err := io.Copy(io.Discard, all); err != nil {
		return "", "", err
	}
	return commit, hex.EncodeToString(hash.Sum(nil)), nil
}

// readVersions reads from the sources which build of llama.cpp Ollama wants, and the version of ggml.
func (c *check) readVersions() {
	if want, err := os.ReadFile(filepath.Join(c.Ollama.Dir, "LLAMA_CPP_VERSION")); err == nil {
		c.report.Wants = strings.TrimSpace(string(want))
	}
	c.report.Own = c.opts.OllamaSource != "" || c.opts.LlamaCppSource != ""
	c.report.LlamaCpp.GGML = ggmlOf(c.LlamaCpp.Dir)
}

// ggmlOf returns the version of ggml in a tree of llama.cpp, "" if unknown.
func ggmlOf(dir string) string {
	cmake, err := os.ReadFile(filepath.Join(dir, "ggml", "CMakeLists.txt"))
	if err != nil {
		return ""
	}
	var parts []string
	for _, m := range ggmlVersion.FindAllSubmatch(cmake, 3) {
		parts = append(parts, string(m[1]))
	}
	return strings.Join(parts, ".")
}
