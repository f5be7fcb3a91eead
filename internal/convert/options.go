// Package convert turns a GGUF file into one with FlashHead: the same tensors, byte for byte, and the map of clusters.
package convert

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/processors"
)

// Target holds the options of every conversion, whatever the source of its map.
type Target struct {
	Input        string // path of a GGUF file, which is only read
	Output       string // path of the new file; "": DefaultOutput(Input)
	Probes       int    // P; 0: from the quality or the map, else flashhead.DefaultProbes
	CentroidType string // ggml's name; "": the default for the head's width
	OutputFlag   string // the flag that chooses Output, for hints; "": -o
	Force        bool   // replace Output, and convert a converted file again
	Shared       bool   // Output is for a server of another user, too
	ToolVersion  string // this program's version, for the provenance
}

// Validate checks the options without the file. Its errors are usage errors.
func (t Target) Validate() error {
	switch {
	case t.Input == "":
		return errors.New("the name of a GGUF file is missing")
	case t.Probes < 0:
		return fmt.Errorf("probes must be at least 1, not %d", t.Probes)
	}
	return nil
}

func (t Target) flag() string { return cmp.Or(t.OutputFlag, "-o") }

// create begins the output, a file of about need bytes.
func (t Target) create(need int64) (*atomicfile.File, error) {
	if t.Shared {
		return atomicfile.ReplaceShared(t.Output, t.flag(), need)
	}
	return atomicfile.Create(t.Output, t.flag(), need, t.Force)
}

// checkOutput checks that the output may take its name.
func (t Target) checkOutput() error {
	info, err := os.Stat(t.Output)
	if err != nil {
		return nil // other problems, such as a dangling link, show when it is created
	}
	in, err := os.Stat(t.Input)
	switch {
	case err != nil:
		return err
	case os.SameFile(in, info):
		return hint.New(t.Output+" is the input itself, which is never changed", "choose another output with "+t.flag())
	case !info.Mode().IsRegular():
		return hint.New(t.Output+" exists and is not a regular file", "choose another output with "+t.flag())
	case !t.Force:
		return hint.New(t.Output+" exists already", "choose another output with "+t.flag()+", or give --force to replace it")
	}
	return nil
}

// Options of a conversion with a new map. Start from Defaults.
type Options struct {
	Target
	ClusterSize int // tokens per cluster, 2..1024; 0: flashhead.ClusterSize
	Iterations  int // iterations of k-means, up to 1000; 0: flashhead.Iterations
	Seed        uint32
	Threads     int    // 1 and more; does not change the result
	LibDir      string // folder of the native programs; "": search
	Loads       string // path by which llama-server loads the model; "": Input, which holds the head of several files

	// By default codes are fitted to the built-in text.
	Quality     string   // name of a flashhead.Quality; "": the default
	Calibrate   []string // paths of texts for the fit besides the built-in one
	Targets     flashhead.Targets
	NoCalibrate bool // codes without a text
	Plain       bool // a head without codes, as in the paper
}

// Defaults returns the default options.
func Defaults() Options {
	return Options{Seed: 1, Threads: processors.Usable()}
}

// clusterSize returns m, as set or the default.
func (o Options) clusterSize() int {
	return cmp.Or(o.ClusterSize, flashhead.ClusterSize(!o.Plain))
}

// iterations returns the iterations of k-means, as set or the default.
func (o Options) iterations() int {
	return cmp.Or(o.Iterations, flashhead.Iterations(!o.Plain))
}

// DefaultOutput returns the name of an input's output: model.gguf gives model-flashhead.gguf.
func DefaultOutput(input string) string {
	ext := filepath.Ext(input)
	if !strings.EqualFold(ext, ".gguf") {
		ext = ""
	}
	return strings.TrimSuffix(input, ext) + "-flashhead.gguf"
}

// Validate checks the options without the file. Its errors are usage errors.
func (o Options) Validate() error {
	switch {
	case o.ClusterSize != 0 && o.ClusterSize < 2 || o.ClusterSize > 1024:
		return fmt.Errorf("the cluster size must be 2 to 1024, not %d", o.ClusterSize)
	case o.Iterations < 0 || o.Iterations > 1000:
		return fmt.Errorf("iterations must be 1 to 1000, not %d", o.Iterations)
	case o.Threads < 1 || o.Threads > 4096:
		return fmt.Errorf("threads must be 1 to 4096, not %d", o.Threads)
	case o.Plain && o.Quality != "":
		return errors.New("a plain head has no codes whose quality could be chosen")
	case (o.Plain || o.NoCalibrate) && len(o.Calibrate) > 0:
		return errors.New("a head that is not calibrated takes no text")
	case (o.Plain || o.NoCalibrate) && o.Targets.Any():
		return errors.New("targets need a calibration")
	}
	if _, err := flashhead.ParseQuality(o.Quality); err != nil {
		return err
	}
	if err := o.Targets.Check(); err != nil {
		return err
	}
	return o.Target.Validate()
}
