package assets

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/native"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/internal/safetensors"
)

// ExportOptions say what to export.
type ExportOptions struct {
	Input       string // path of a converted GGUF file, which is only read
	Dir         string // a model's folder, or the folder called Format in it; made if the folder above is there
	Force       bool   // replace the clusters, and set entries of a configuration that is there
	LibDir      string // folder of the native programs; "": search
	ToolVersion string
}

// Exported tells what was written.
type Exported struct {
	Clusters, Config string // paths
	Vocab, Columns   int64
	Parameters       flashhead.Parameters
}

// String is the report for people, several lines.
func (e Exported) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "clusters   %s: %d clusters of %d tokens, centroids of %d values\n", e.Clusters, e.Parameters.Clusters, e.Vocab, e.Columns)
	fmt.Fprintf(&b, "config     %s: %d probes, %d special tokens\n", e.Config, e.Parameters.Probes, len(e.Parameters.Pinned))
	return b.String()
}

// Export writes the map of o.Input as assets. Whatever happens, the input stays as it is, and files appear under their names
// only when they are complete and synced. Errors carry a way out.
func Export(ctx context.Context, o ExportOptions, p *progress.Progress) (Exported, error) {
	defer p.Close()
	src, err := gguf.Open(o.Input)
	if err != nil {
		return Exported{}, err
	}
	defer src.Close()
	head, err := flashhead.FindHead(src)
	if err != nil {
		return Exported{}, fmt.Errorf("%s: %w", o.Input, err)
	}
	if !flashhead.Converted(src) {
		return Exported{}, hint.New(o.Input+" is not converted, there is no map to export", "convert it first: fh-ollama convert")
	}
	params, err := flashhead.FromFile(src, head)
	if err != nil {
		return Exported{}, hint.Wrap(fmt.Errorf("%s has damaged FlashHead keys: %w", o.Input, err), "convert it again: fh-ollama convert --force")
	}
	files, err := locate(o.Dir)
	if err != nil {
		return Exported{}, err
	}
	if err := files.free(o.Force); err != nil {
		return Exported{}, err
	}
	job := &export{ExportOptions: o, files: files, head: head, params: params, progress: p}
	if err := job.run(ctx); err != nil {
		return Exported{}, err
	}
	return Exported{Clusters: files.clusters, Config: files.config, Vocab: head.Vocab(), Columns: head.Width(), Parameters: params}, nil
}

// export is one export.
type export struct {
	ExportOptions
	files    folder
	head     flashhead.Head
	params   flashhead.Parameters
	progress *progress.Progress
}

// run writes both files and gives them their names.
func (e *export) run(ctx context.Context) error {
	undo, err := e.files.make()
	if err != nil {
		return err
	}
	defer undo()
	config, err := e.config()
	if err != nil {
		return err
	}
	defer config.Discard()
	centroids, err := e.centroids(ctx)
	if err != nil {
		return err
	}
	defer centroids.Close()
	clusters, err := e.clusters(ctx, centroids)
	if err != nil {
		return err
	}
	defer clusters.Discard()
	if err := clusters.Publish(); err != nil {
		return err
	}
	return config.Publish()
}

// centroids computes the centroids.
func (e *export) centroids(ctx context.Context) (*native.Centroids, error) {
	tool, ggml, err := native.FindNative(ctx, e.LibDir, installation.Here())
	if err != nil {
		return nil, err
	}
	e.progress.Start("computing centroids")
	out, err := native.NewCentroids(ctx, native.CentroidOptions{
		Tool: tool, GGML: ggml, Model: e.Input, Tensor: e.head.Tensor.Name,
		Assignments: e.params.Assignments, Clusters: e.params.Clusters, Columns: e.head.Width(),
	})
	if err != nil {
		return nil, err
	}
	e.progress.Done(fmt.Sprintf("computed %d centroids", e.params.Clusters))
	return out, nil
}

// config writes the model's configuration, what else it has included, under a temporary name.
func (e *export) config() (*atomicfile.File, error) {
	config, err := readConfig(e.files.config)
	if err != nil {
		return nil, err
	}
	if config, err = withSettings(config, e.params.Probes, e.params.Pinned); err != nil {
		return nil, err
	}
	text, err := config.Text()
	if err != nil {
		return nil, err
	}
	out, err := atomicfile.Replace(e.files.config, "--assets", int64(len(text)))
	if err != nil {
		return nil, err
	}
	_, err = out.Write(text)
	if err != nil {
		err = out.Explain(err)
	} else {
		err = out.Finish()
	}
	if err != nil {
		out.Discard()
		return nil, err
	}
	return out, nil
}

// clusters writes the clusters under a temporary name and reads them again.
func (e *export) clusters(ctx context.Context, centroids *native.Centroids) (*atomicfile.File, error) {
	size := 4*int64(e.params.Clusters)*e.head.Width() + 8*e.head.Vocab()
	out, err := atomicfile.Replace(e.files.clusters, "--assets", size+4096)
	if err != nil {
		return nil, err
	}
	e.progress.Start("writing")
	if err := e.write(ctx, out, centroids); err != nil {
		out.Discard()
		return nil, err
	}
	e.progress.Done(fmt.Sprintf("wrote %s and checked it", filepath.Base(e.files.clusters)))
	return out, nil
}

func (e *export) write(ctx context.Context, out *atomicfile.File, centroids io.Reader) error {
	ids := make([]byte, 0, 8*len(e.params.Assignments))
	for _, k := range e.params.Assignments {
		ids = binary.LittleEndian.AppendUint64(ids, uint64(k))
	}
	total := 4 * int64(e.params.Clusters) * e.head.Width()
	watched := &watched{Reader: centroids, report: func(done int64) error {
		e.progress.Set(float64(done)/float64(total), "")
		return ctx.Err()
	}}
	// "format" tells readers of the family which library's tensors these were, and some insist on it
	err := safetensors.Write(out, [][2]string{{"format", "pt"}, {"made_by", "fh-ollama " + e.ToolVersion}}, []safetensors.NewTensor{
		{Name: assignmentsName, DType: safetensors.I64, Shape: []int64{e.head.Vocab()}, Data: bytes.NewReader(ids)},
		{Name: centroidsName, DType: safetensors.F32, Shape: []int64{1, 1, e.head.Width(), int64(e.params.Clusters)}, Data: watched},
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return out.Explain(err)
	}
	if err := out.Finish(); err != nil {
		return err
	}
	return e.verify(out.Path())
}

// verify reads the finished file again and compares the map.
func (e *export) verify(path string) error {
	a, err := openClusters(path)
	if err == nil {
		defer a.Close()
		var got []uint32
		if got, err = a.Assignments(); err == nil && !slices.Equal(got, e.params.Assignments) {
			err = errors.New("its clusters are not those that were to be written")
		}
	}
	if err != nil {
		return hint.Wrap(fmt.Errorf("the written file is not right: %w", err), "check the disk")
	}
	return nil
}

// watched reports how much was read, and fails if that does.
type watched struct {
	io.Reader
	done   int64
	report func(done int64) error
}

// Read reads unless report fails.
func (w *watched) Read(p []byte) (int, error) {
	if err := w.report(w.done); err != nil {
		return 0, err
	}
	n, err := w.Reader.Read(p)
	w.done += int64(n)
	return n, err
}
