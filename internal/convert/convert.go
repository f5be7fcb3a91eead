package convert

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/cluster"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// Summary tells what a conversion made.
type Summary struct {
	Output     string
	Head       flashhead.Head
	Parameters flashhead.Parameters
	Grown      int64 // bytes that the file grew by
	Cost       flashhead.Cost
	Took       time.Duration
}

// Convert makes o.Output from o.Input. Whatever happens, the input stays as it is, and the output appears under its name
// only when it is complete, synced and verified. Errors carry a way out.
func Convert(ctx context.Context, o Options, p *progress.Progress) (Summary, error) {
	begun := time.Now()
	defer p.Close()
	if o.Output == "" {
		o.Output = DefaultOutput(o.Input)
	}
	if err := o.Validate(); err != nil {
		return Summary{}, err
	}
	src, err := gguf.Open(o.Input)
	if err != nil {
		return Summary{}, err
	}
	defer src.Close()
	job := &job{Options: o, src: src, progress: p}
	if err := job.check(); err != nil {
		return Summary{}, fmt.Errorf("%s: %w", o.Input, err)
	}
	out, err := createOutput(o.Input, o.Output, o.Force, src.Size+job.keyBytes())
	if err != nil {
		return Summary{}, err
	}
	defer out.discard()
	if job.tool, err = cluster.FindTool(cluster.LibDirs(o.LibDir)); err != nil {
		return Summary{}, err
	}
	if job.ggml, err = cluster.FindGGML(ctx, job.tool, o.LibDir, installation.Here()); err != nil {
		return Summary{}, err
	}
	if err := job.run(ctx, out); err != nil {
		return Summary{}, err
	}
	return Summary{
		Output: o.Output, Head: job.head, Parameters: job.params, Grown: out.size - src.Size,
		Cost: flashhead.NewCost(src, job.head, job.params.Clusters, job.params.CentroidType),
		Took: time.Since(begun),
	}, nil
}

// job is one conversion.
type job struct {
	Options
	src      *gguf.File
	tool     string
	ggml     string // see cluster.Options
	head     flashhead.Head
	params   flashhead.Parameters
	progress *progress.Progress
}

// check finds out, before anything is written, whether the input can be converted, and fills in the parameters that are
// known without clustering.
func (j *job) check() error {
	var err error
	if j.head, err = flashhead.FindHead(j.src); err != nil {
		return err
	}
	if flashhead.Converted(j.src) && !j.Force {
		return hint.New("already converted", "use it as it is, or give --force to cluster it again")
	}
	clusters, err := j.clusters(j.head.Vocab())
	if err != nil {
		return err
	}
	centroids, err := flashhead.CentroidType(j.CentroidType, j.head)
	if err != nil {
		return hint.Wrap(err, "choose another --centroid-type, or none for the default")
	}
	probes := uint32(j.Probes)
	if probes == 0 {
		probes = flashhead.DefaultProbes(clusters)
	}
	j.params = flashhead.Parameters{
		Clusters: clusters, Probes: probes, CentroidType: centroids, Pinned: flashhead.DefaultPinned(j.src, j.head),
		Provenance: flashhead.Provenance{
			Tensor: j.head.Tensor.Name, ClusterSize: uint32(j.ClusterSize), Seed: j.Seed, Iterations: uint32(j.Iterations),
			ToolVersion: j.ToolVersion,
		},
	}
	return nil
}

// keyBytes is about what the new keys take.
func (j *job) keyBytes() int64 { return 4*j.head.Vocab() + 4*int64(len(j.params.Pinned)) + 2048 }

// run clusters, writes and verifies. The source's digest is taken while the clustering runs.
func (j *job) run(ctx context.Context, out *output) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	digests := make(chan digestResult, 1)
	go func() {
		d, err := digest(ctx, j.Input, j.src.DataStart)
		digests <- digestResult{d, err}
	}()
	err := j.cluster(ctx)
	if err != nil {
		cancel()
	}
	source := <-digests
	if err != nil {
		return err
	}
	if source.err != nil {
		return source.err
	}
	j.params.SourceSHA256 = source.whole
	return j.write(ctx, out, source.digests)
}

func (j *job) cluster(ctx context.Context) error {
	j.progress.Start("clustering")
	result, err := cluster.Run(ctx, cluster.Options{
		Tool: j.tool, GGML: j.ggml, Model: j.Input, Tensor: j.head.Tensor.Name,
		ClusterSize: j.ClusterSize, Iterations: j.Iterations, Seed: j.Seed, Threads: j.Threads,
	}, func(p cluster.Progress) { j.progress.Set(p.Fraction, describe(p)) })
	if err != nil {
		return err
	}
	if result.Clusters != j.params.Clusters || int64(len(result.Assignments)) != j.head.Vocab() {
		return hint.New(fmt.Sprintf("the clustering has %d clusters of %d rows, not %d of %d",
			result.Clusters, len(result.Assignments), j.params.Clusters, j.head.Vocab()), "build again: fh-ollama build")
	}
	j.params.Assignments = result.Assignments
	j.params.Objective = float32(result.Objective)
	j.progress.Done(fmt.Sprintf("clustered %d rows into %d clusters, objective %.4f", j.head.Vocab(), result.Clusters, result.Objective))
	return nil
}

// describe is a clustering's state in a few words.
func describe(p cluster.Progress) string {
	text := p.Stage
	if p.Iteration > 0 {
		text += fmt.Sprintf(" %d/%d", p.Iteration, p.Iterations)
	}
	if p.Objective != nil {
		text += fmt.Sprintf(", objective %.4f", *p.Objective)
	}
	if p.Imbalance != nil {
		text += fmt.Sprintf(", imbalance %.2f", *p.Imbalance)
	}
	return text
}

// write writes the output, reads it again, compares, and gives it its name.
func (j *job) write(ctx context.Context, out *output, source digests) error {
	stop := func(done, total int64) error {
		j.progress.Set(float64(done)/float64(max(total, 1)), "")
		return ctx.Err()
	}
	j.progress.Start("writing")
	if err := j.src.Rewrite(out.file, flashhead.IsKey, j.params.Keys(), stop); err != nil {
		return out.explain(err)
	}
	if err := out.sync(); err != nil {
		return out.explain(err)
	}
	j.progress.Done("wrote " + filepath.Base(j.Output))
	j.progress.Start("verifying")
	if err := j.verify(ctx, out.path, source); err != nil {
		return err
	}
	if err := out.publish(); err != nil {
		return out.explain(err)
	}
	j.progress.Done("verified that every tensor is the same")
	return nil
}
