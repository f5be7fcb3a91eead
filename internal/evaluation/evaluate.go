package evaluation

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// Evaluate compares FlashHead with the dense head of the same model. It writes only temporary files and removes them.
// Errors carry a hint.
func Evaluate(ctx context.Context, o Options, p *progress.Progress) (Report, error) {
	begun := time.Now()
	defer p.Close()
	if err := o.Validate(); err != nil {
		return Report{}, err
	}
	j := &job{Options: o, progress: p}
	if err := j.openModel(); err != nil {
		return Report{}, err
	}
	var err error
	if j.programs, err = llama.Find(o.LibDir); err != nil {
		return Report{}, err
	}
	j.report.Runtime = Runtime{Version: o.Version, Folder: j.programs.Folder, Threads: o.Threads, Mode: o.Mode}
	if o.Mode == modeSample {
		j.report.Runtime.Temperature, j.report.Runtime.Seed = o.Temperature, o.Seed
	}
	folder, err := atomicfile.NewFolder("eval")
	if err != nil {
		return Report{}, hint.Wrap(err, "point FH_OLLAMA_CACHE at a folder that can be written")
	}
	defer folder.Remove()
	j.scratch = folder.Path
	if j.model, err = llama.Gather(o.Files); err != nil {
		return Report{}, err
	}
	defer j.model.Remove()
	if o.Text != "" {
		if j.text, j.report.Text, err = openFile(o.Text); err != nil {
			return Report{}, err
		}
	}
	if err := j.run(ctx); err != nil {
		return Report{}, err
	}
	j.report.Seconds = time.Since(begun).Seconds()
	return j.report, nil
}

// job is one evaluation.
type job struct {
	Options
	programs  llama.Programs
	progress  *progress.Progress
	scratch   string // folder for temporary files
	model     llama.Gathered
	text      text
	clusters  clusters
	cost      flashhead.Cost
	maxTokens int // of the model's context

	header header
	dense  *os.File // logits of all positions
	report Report
}

// openModel checks the model and describes it in the report.
func (j *job) openModel() error {
	f, err := flashhead.Sound(mapfile.Open(j.Files...))
	if err != nil {
		return err
	}
	defer f.Close()
	head, params := f.Head, f.Parameters
	if j.Probes, err = points(j.Probes, params.Probes, params.Clusters); err != nil {
		return err
	}
	arch, _ := f.Str("general.architecture")
	name, _ := f.Str("general.name")
	if err := j.setContext(f.File, arch); err != nil {
		return err
	}

	j.clusters = clusters{of: params.Assignments, pinned: make([]bool, head.Vocab()), count: int(params.Clusters),
		coded: params.Codes.There()}
	for _, token := range params.Pinned {
		j.clusters.pinned[token] = true
	}
	j.cost = flashhead.NewCost(f.File, head, params)
	j.report.Model = Model{
		File: cmp.Or(j.Name, filepath.Base(j.Files[0])), Name: name, Architecture: arch, Head: head.Tensor.Name,
		HeadType:   head.Tensor.Type.String(),
		Vocabulary: head.Vocab(), Hidden: head.Width(), Clusters: params.Clusters, Probes: params.Probes,
		Pinned:       len(params.Pinned),
		CentroidType: params.CentroidType.String(), CoarseBits: params.Codes.CoarseBits,
		FineBytes: params.Codes.FineBytes, HeadBytes: j.cost.Head,
	}
	pinned := int64(len(params.Pinned)) * (j.cost.Head / head.Vocab())
	for _, p := range j.Probes {
		j.report.Points = append(j.report.Points, Point{Probes: p, HeadBytes: int64(j.cost.Probed(uint32(p))) + pinned})
	}
	return nil
}

// setContext chooses or checks the number of tokens per chunk.
func (j *job) setContext(f *gguf.File, arch string) error {
	j.maxTokens = DefaultContext
	if n, ok := f.Uint(arch + ".context_length"); ok && n >= leastContext && n < 1<<30 {
		j.maxTokens = int(n)
	}
	if j.Text == "" {
		j.Context, j.Chunks = cmp.Or(j.Context, min(builtInContext, j.maxTokens)), cmp.Or(j.Chunks, builtInChunks)
	}
	j.Context = cmp.Or(j.Context, min(DefaultContext, j.maxTokens))
	if j.Context > j.maxTokens {
		return hint.New(fmt.Sprintf("a context of %d tokens is more than the model's %d", j.Context, j.maxTokens),
			"give a smaller --ctx, or none")
	}
	if most := j.maxTokens * 3 / 4; j.Predict > most {
		return hint.New(fmt.Sprintf("%d tokens to predict leave no room for a prompt in the model's %d", j.Predict,
			j.maxTokens),
			fmt.Sprintf("give --predict %d or less", most))
	}
	return nil
}

// run measures. Cheap steps that can fail come first.
func (j *job) run(ctx context.Context) error {
	if err := j.prepare(ctx); err != nil {
		return err
	}
	if err := j.runDense(ctx); err != nil {
		return err
	}
	defer j.dense.Close()
	if err := j.findRequired(ctx); err != nil {
		return err
	}
	names, positions := j.text.kinds(j.header)
	for i := range j.report.Points {
		point := &j.report.Points[i]
		j.progress.Start(fmt.Sprintf("P = %d", point.Probes))
		differs := newComparison(j.header.positions())
		estimate, err := j.pass(ctx, point.Probes, differs.look, "FLASHHEAD_STATS=1")
		if err != nil {
			return err
		}
		point.Perplexity = Perplexity{estimate.Value, estimate.Error}
		if w := estimate.Work; w.Near > 0 {
			point.HeadBytes = int64(j.cost.Counted(w.Near, w.Exact))
		}
		differs.fill(point)
		for i, name := range names {
			point.Kinds = append(point.Kinds, differs.kind(name, positions[i]))
		}
		j.progress.Done(fmt.Sprintf("P = %d: same top %.2f %%, KLD %.4f", point.Probes, 100*point.SameTop.Share(),
			point.KLD.Mean))
	}
	if j.Predict == 0 {
		return nil
	}
	return j.generate(ctx)
}

// findRequired finds the required P, from the order of the clusters at every position.
func (j *job) findRequired(ctx context.Context) error {
	if j.Mode == modeSample {
		j.report.Unknown = "clusters are drawn, they have no order"
		return nil
	}
	if len(j.report.Points) == 1 {
		j.report.Unknown = "give some --probes to find it"
		return nil
	}
	j.progress.Start("P = 1, for the order of clusters")
	required := newRequired(j.clusters, j.header.positions())
	if _, err := j.pass(ctx, 1, required.look, "FLASHHEAD_TOLERANCE=0"); err != nil { // it would score more tokens
		return err
	}
	j.progress.Done("order of clusters")
	if required.unknown.Load() {
		j.report.Unknown = "tokens that are not scored have logits of their own, which do not show the order of the clusters"
		return nil
	}
	j.report.Required = required.distribution()
	return nil
}

// prepare checks within seconds whether the runtime uses FlashHead for this model, and prepares the text.
func (j *job) prepare(ctx context.Context) error {
	j.progress.Start("loading the model")
	server, err := j.programs.Start(ctx, j.server(j.settings(j.Probes[0])))
	if err != nil {
		return err
	}
	defer server.Stop()
	if j.Text == "" {
		if j.text, j.report.Text, err = openBuiltIn(ctx, j.Options, server, j.scratch); err != nil {
			return err
		}
	}
	j.progress.Done("the runtime has FlashHead")
	return nil
}

// perplexity is a pass over the text.
func (j *job) perplexity(settings []string) llama.Pass {
	return llama.Pass{Model: j.model.Path, Text: j.text.path, Context: j.Context, Chunks: j.Chunks, Threads: j.Threads,
		Settings: slices.Concat(settings, j.model.Settings)}
}

// runDense stores the dense head's logits.
func (j *job) runDense(ctx context.Context) error {
	j.progress.Start("dense")
	estimate, err := j.programs.Perplexity(ctx, j.perplexity(off), func(r io.Reader) (err error) {
		if j.header, err = readHeader(r, j.Context, j.report.Model.Vocabulary); err != nil {
			return err
		}
		j.dense, err = store(j.scratch, j.header, r, func(position int) {
			j.show(position, fmt.Sprintf(", %d MiB on disk", j.header.bytes()>>20))
		})
		return err
	})
	if err != nil {
		if j.dense != nil {
			j.dense.Close()
		}
		return err
	}
	j.report.Dense = Perplexity{estimate.Value, estimate.Error}
	j.report.Text.Context, j.report.Text.Chunks = j.header.context, j.header.chunks
	j.report.Text.Positions = j.header.positions()
	j.progress.Done(fmt.Sprintf("dense: perplexity %.2f at %d positions", estimate.Value, j.header.positions()))
	return nil
}

// pass runs FlashHead with p probes and more settings over the text. Workers on all processors look at every position.
func (j *job) pass(ctx context.Context, p int, newLook func() look, more ...string) (llama.Estimate, error) {
	if _, err := j.dense.Seek(0, io.SeekStart); err != nil {
		return llama.Estimate{}, hint.Wrap(err, "point FH_OLLAMA_CACHE at another disk")
	}
	return j.programs.Perplexity(ctx, j.perplexity(j.settings(p, append(more, allRows)...)), func(r io.Reader) error {
		h, err := readHeader(r, j.Context, j.report.Model.Vocabulary)
		if err != nil {
			return err
		}
		if !h.same(j.header) {
			return hint.New("the text or the model changed while it was evaluated",
				"leave them alone and run the same command again")
		}
		return inStep(h, bufio.NewReaderSize(j.dense, 1<<20), r, runtime.GOMAXPROCS(0), newLook,
			func(position int) { j.show(position, "") })
	})
}

// show updates the progress after a position.
func (j *job) show(position int, more string) {
	n := j.header.positions()
	j.progress.Set(float64(position+1)/float64(n), fmt.Sprintf("%d of %d positions%s", position+1, n, more))
}
