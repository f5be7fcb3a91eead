package bench

import (
	"context"
	"runtime"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/llama"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// Run measures one model after the other. After each it calls show with the report so far; an error of show ends the
// run. Synthetic files are removed. Errors carry a hint.
func Run(ctx context.Context, o Options, p *progress.Progress, show func(Report) error) (Report, error) {
	defer p.Close()
	if err := o.Validate(); err != nil {
		return Report{}, err
	}
	programs, err := llama.FindBench(o.LibDir, o.Answers)
	if err != nil {
		return Report{}, err
	}
	r := &runner{Options: o, programs: programs, progress: p, show: show}
	r.report.Machine = Machine{Processors: runtime.NumCPU(), Folder: programs.Folder, Version: o.Version}
	r.report.Method = Method{Rounds: o.Rounds, Tokens: o.Tokens, Prompt: o.Prompt}
	if o.Model != "" {
		err = r.measure(ctx, o.Files, Model{Name: o.Model})
	} else {
		err = r.synthetic(ctx)
	}
	return r.report, err
}

// runner is one call of Run.
type runner struct {
	Options
	programs llama.Programs
	progress *progress.Progress
	show     func(Report) error
	report   Report
}

// measure measures the model with FlashHead in the files at paths and shows the result. model holds its name.
func (r *runner) measure(ctx context.Context, paths []string, model Model) error {
	f, err := flashhead.Sound(mapfile.Open(paths...))
	if err != nil {
		return err
	}
	defer f.Close()
	head, params := f.Head, f.Parameters
	points, err := r.points(params)
	if err != nil {
		return err
	}
	cost := flashhead.NewCost(f.File, head, params)
	model.Architecture, _ = f.Str("general.architecture")
	model.Head, model.HeadType = head.Tensor.Name, head.Tensor.Type.String()
	model.Vocabulary, model.Hidden = head.Vocab(), head.Width()
	model.Clusters, model.Probes = params.Clusters, params.Probes
	model.CentroidType, model.CoarseBits = params.CentroidType.String(), params.Codes.CoarseBits
	model.BodyBytes, model.HeadBytes = cost.Body, cost.Head

	gathered, err := llama.Gather(paths)
	if err != nil {
		return err
	}
	defer gathered.Remove()
	m := &measurement{runner: r, gathered: gathered, bytes: f.Size, probes: points, cost: cost,
		result: Result{Model: model}}
	m.doubtTolerance(params.Codes.Tolerance)
	if err := m.run(ctx); err != nil {
		return err
	}
	r.report.Results = append(r.report.Results, m.result)
	return r.show(r.report)
}
