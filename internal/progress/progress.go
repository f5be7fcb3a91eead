// Package progress shows the progress of a long job, as a bar on a terminal and as plain lines elsewhere.
package progress

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
)

// lineEvery is the least time between two plain lines.
const lineEvery = 5 * time.Second

// drawEvery is the least time between two updates of a bar.
const drawEvery = 100 * time.Millisecond

// steps is the resolution of a bar.
const steps = 1000

// Progress shows the stages of a job. It is not safe for concurrent use.
type Progress struct {
	out      io.Writer
	terminal bool
	now      func() time.Time

	stage   string
	started time.Time
	shown   time.Time
	bar     *progressbar.ProgressBar
}

// New returns a Progress that writes to w, with bars if w is a terminal. Give io.Discard for silence.
func New(w io.Writer) *Progress {
	file, ok := w.(*os.File)
	return &Progress{out: w, terminal: ok && term.IsTerminal(int(file.Fd())), now: time.Now}
}

// Start begins a stage, e.g. "clustering", and closes the one before.
func (p *Progress) Start(stage string) {
	p.Close()
	p.stage, p.started = commandline.Printable(stage), p.now()
	p.shown = p.started
	if p.terminal {
		p.bar = progressbar.NewOptions(steps,
			progressbar.OptionSetWriter(p.out), progressbar.OptionSetDescription(p.stage), progressbar.OptionSetWidth(10),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false), progressbar.OptionClearOnFinish())
		p.bar.RenderBlank()
	}
}

// Set shows that fraction (0..1) of the stage is done. detail, e.g. the objective, follows the stage's name and may be
// empty. Beside the bar there are 40 columns for it.
func (p *Progress) Set(fraction float64, detail string) {
	if p.stage == "" {
		return
	}
	fraction = min(max(fraction, 0), 1)
	text := p.stage
	if detail != "" {
		text += " " + commandline.Printable(detail)
	}
	elapsed := p.now().Sub(p.started)
	if fraction > 0.02 && elapsed > time.Second {
		text += ", " + left(elapsed, fraction)
	}
	switch {
	case p.bar != nil && p.now().Sub(p.shown) >= drawEvery:
		p.shown = p.now()
		p.bar.Set(min(int(fraction*steps), steps-1)) // at its last step the bar ends itself
		p.bar.Describe(text)
	case p.bar != nil:
	case p.now().Sub(p.shown) >= lineEvery:
		p.shown = p.now()
		fmt.Fprintf(p.out, "%3.0f %% %s\n", 100*fraction, text)
	}
}

// Note prints a permanent line during a stage.
func (p *Progress) Note(text string) {
	if p.bar != nil {
		p.bar.Clear()
	}
	fmt.Fprintln(p.out, commandline.Printable(text))
}

// Done ends the stage with one line and the time it took.
func (p *Progress) Done(result string) {
	if p.stage == "" {
		return
	}
	if p.bar != nil {
		p.bar.Clear()
	}
	fmt.Fprintf(p.out, "%s (%.1f s)\n", commandline.Printable(result), p.now().Sub(p.started).Seconds())
	p.stage, p.bar = "", nil
}

// Close ends a stage without a line. An error message then starts on its own line.
func (p *Progress) Close() {
	if p.bar != nil {
		p.bar.Clear()
	}
	p.stage, p.bar = "", nil
}

func left(elapsed time.Duration, fraction float64) string {
	rest := time.Duration(float64(elapsed) * (1 - fraction) / fraction)
	return rest.Round(time.Second).String() + " left"
}
