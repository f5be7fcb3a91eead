package maps

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/convert"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// Options of TurnOn and TurnOff.
type Options struct {
	Convert convert.Options // how maps are made; Input and Output are set here
	Server  ollama.Server
	Host    Host
	GPU     string // that the server uses; "" for none
	All     bool   // the weights are all there are, not those that the user named
	DryRun  bool   // write nothing
	Again   bool   // make maps again that are there
	Out     io.Writer
	Log     io.Writer // of progress and of errors that do not end the command

	// Confirm asks the user a question after the first map is made, unless tokens stay the stock model's. Only if it
	// returns true is anything published. Nil asks nothing.
	Confirm func(question string) (bool, error)
}

// ErrDeclined is the error of TurnOn if the user does not confirm.
var ErrDeclined = hint.New("not confirmed, nothing was changed", "run it again and answer y, or give --yes")

// TurnOn makes a map for each of the weights that it is worth it for. It goes on after one fails: the error then says
// how many did. Nothing but maps is written, each of them atomically.
func TurnOn(ctx context.Context, o Options, all []Weights) error {
	j := &job{Options: o}
	for _, w := range all {
		if w.makes(o.Again) {
			j.total++
		}
	}
	for _, w := range all {
		if err := j.one(ctx, w); err != nil {
			j.showFailed()
			return err
		}
	}
	if j.done == 0 && j.failed == nil && !o.DryRun && o.All {
		fmt.Fprintln(o.Out, "nothing to do")
	}
	if text := o.Host.dense(o.GPU); text != "" && j.done > 0 {
		fmt.Fprintf(o.Out, "%-10s %s\n", "note", text)
	}
	if folder := os.Getenv(mapfile.FolderVariable); folder != "" && j.done > 0 {
		fmt.Fprintf(o.Out, "%-10s start Ollama with %s=%s, too: it looks for maps there\n", "note",
			mapfile.FolderVariable, folder)
	}
	return j.err()
}

// Needed reports whether TurnOn would make a map for any of the weights.
func Needed(all []Weights, again bool) bool {
	for _, w := range all {
		if w.makes(again) {
			return true
		}
	}
	return false
}

func (w Weights) makes(again bool) bool {
	return w.State == Off || w.State == Unfit || w.State == On && again
}

// job is one call of TurnOn, TurnOff or RemoveUnused.
type job struct {
	Options
	what      string // that may fail; "": models
	total     int    // of the maps to make
	begun     int
	done      int // maps made or removed
	failed    []error
	confirmed bool
}

// one handles the weights w. An error ends the command.
func (j *job) one(ctx context.Context, w Weights) error {
	switch {
	case w.makes(j.Again) && j.DryRun:
		j.say(w, "would get a map of about %.1f MB: up to %.2fx as fast, %.0f MB more memory", float64(w.bytes)/1e6,
			w.Gain, float64(w.Memory)/1e6)
	case w.makes(j.Again):
		err := j.make(ctx, w)
		switch {
		case err == nil:
			j.done++
		case ctx.Err() != nil || errors.Is(err, ErrDeclined):
			return err
		default:
			j.fail(w, err)
		}
	case w.State == On:
		j.say(w, "is on already")
	case w.State == Converted:
		j.say(w, "has FlashHead in its own file")
	case j.All || w.Draft: // listed with the reason
		j.say(w, "%s", w.Reason)
	default:
		j.fail(w, hint.New(w.Reason, w.way))
	}
	return nil
}

func (j *job) say(w Weights, format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	fmt.Fprintf(j.Out, "%s: %s\n", w.Name(), commandline.Printable(text))
}

// fail records an error, which err shows at the end.
func (j *job) fail(w Weights, err error) {
	j.failed = append(j.failed, hint.Wrap(fmt.Errorf("%s: %w", w.Name(), err), hint.Of(err)))
}

// err returns the only error, or their number after showing all.
func (j *job) err() error {
	if len(j.failed) < 2 {
		return errors.Join(j.failed...)
	}
	j.showFailed()
	return hint.New(fmt.Sprintf("%d %s failed, as shown above", len(j.failed), cmp.Or(j.what, "models")),
		"start with the first")
}

func (j *job) showFailed() {
	for _, err := range j.failed {
		fmt.Fprint(j.Log, commandline.Printable(hint.Text("fh-ollama", err)))
	}
}

// make makes the map of w, asks once, and publishes it.
func (j *job) make(ctx context.Context, w Weights) error {
	path := mapfile.Path(w.Paths[0])
	if err := writable(path, w); err != nil {
		return err
	}
	o := j.Convert
	o.Output, o.OutputFlag, o.Force, o.Shared = path, mapfile.FolderVariable, true, true
	p := progress.New(j.Log)
	if j.begun++; j.total > 1 {
		p.Note(fmt.Sprintf("model %d of %d: %s", j.begun, j.total, w.Name()))
	}
	made, err := convert.Map(ctx, o, w.Paths, p)
	if err != nil {
		return permission(err, path, w)
	}
	defer made.Discard()
	j.say(w, "map of %.1f MB, up to %.2fx as fast", float64(made.Grown)/1e6, made.Cost.Ceiling(made.Parameters.Probes))
	j.agreement(made.Parameters.Calibration)
	if !j.Host.Approximate() && j.done == 0 {
		fmt.Fprintf(j.Out, "%-10s %s\n", "tokens", j.Host.tokens())
	}
	if j.Host.Approximate() && j.Confirm != nil && !j.confirmed {
		yes, err := j.Confirm(j.Host.tokens() + "\nTurn FlashHead on?")
		if err != nil {
			return err
		}
		if !yes {
			return ErrDeclined
		}
		j.confirmed = true
	}
	if err := made.Publish(); err != nil {
		return err
	}
	fmt.Fprintf(j.Out, "%-10s %s\n", "placed", path)
	if !w.file {
		j.unload(ctx, w, "FlashHead")
	}
	return nil
}

// agreement shows how well a map's estimates agree with the dense head.
func (j *job) agreement(c *flashhead.Calibration) {
	if c == nil {
		fmt.Fprintf(j.Out, "%-10s not measured without calibration\n", "agreement")
		return
	}
	for i, kind := range c.Kinds {
		head := ""
		if i == 0 {
			head = "agreement"
		}
		fmt.Fprintf(j.Out, "%-10s %-10s %v\n", head, commandline.Printable(kind.Name), kind)
	}
}

// writable makes the folder of a map in a store, and checks that path is free or a map. Errors carry a hint.
func writable(path string, w Weights) error {
	if _, err := os.Lstat(path); err == nil && w.file && !mapfile.Is(path) {
		return hint.New(path+" exists and is not a map", "move it away, or point "+mapfile.FolderVariable+" at another folder")
	}
	if w.file && os.Getenv(mapfile.FolderVariable) == "" {
		return nil // it lies beside the file
	}
	if err := atomicfile.SharedFolder(filepath.Dir(path)); err != nil {
		return permission(err, path, w)
	}
	return nil
}

// permission adds to an error how to get the right to write path.
func permission(err error, path string, w Weights) error {
	const serve = mapfile.FolderVariable + " at a folder that you may write to, for fh-ollama and for the server"
	switch {
	case errors.Is(err, syscall.EROFS):
		return hint.Wrap(fmt.Errorf("cannot write %s: %w", path, syscall.EROFS), "point "+serve)
	case errors.Is(err, fs.ErrPermission) && os.Geteuid() > 0:
		return hint.Wrap(fmt.Errorf("you may not write %s", path),
			"run it as root: sudo "+commandline.Self("on", w.Names[0])+"; or point "+serve)
	}
	return err
}
