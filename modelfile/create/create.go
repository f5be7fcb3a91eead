// Package create makes a model with FlashHead in a running Ollama: from a GGUF file, or from a model it already has.
package create

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/convert"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/modelfile"
	"github.com/fh-ollama/fh-ollama/modelfile/origin"
)

// Options say what to make of what.
type Options struct {
	Name    string          // of the new model; "": the default for From
	From    string          // a GGUF file, or the name of a model in Server
	Keep    string          // where the converted file stays; "": it is removed when Ollama has it
	Force   bool            // replace a model called Name, and the file Keep
	Convert convert.Options // how to convert; Input and Output are set here
	Server  ollama.Server
}

// Result tells what was made.
type Result struct {
	Name      string
	Converted bool           // false: the file was converted already and was registered as it is
	Version   ollama.Version // of the Ollama that has the model now
	Plugin    bool           // it is a stock one that is known to have the plug-in
}

// String is the report for people.
func (r Result) String() string {
	var b strings.Builder
	if !r.Converted {
		fmt.Fprintf(&b, "%-10s the file has FlashHead, it was registered as it is\n", "converted")
	}
	if !r.Version.Patched() && !r.Plugin {
		fmt.Fprintf(&b, "%-10s this Ollama has no FlashHead and runs the model dense; %s gives it the plug-in\n", "note",
			commandline.Self("install"))
	}
	fmt.Fprintf(&b, "%-10s %s\n", "next", commandline.Other("ollama", "run", r.Name))
	return b.String()
}

// Modelfile returns what Run would register for from, with gguf, if given, as its weights, and notes about what it
// leaves out.
func Modelfile(ctx context.Context, s ollama.Server, from, gguf string) (*modelfile.Modelfile, []string, error) {
	var m *modelfile.Modelfile
	if origin.IsFile(from) {
		if _, err := isConverted(from); err != nil {
			return nil, nil, err
		}
		m = &modelfile.Modelfile{From: []string{relative(from)}}
	} else {
		var err error
		if m, err = modelfile.Of(ctx, s, from); err != nil {
			return nil, nil, err
		}
		if err := origin.CheckAdapters(from, m); err != nil {
			return nil, nil, err
		}
	}
	if gguf != "" {
		m = m.WithWeights(relative(gguf))
	}
	m, notes := m.Registered()
	return m, notes, nil
}

// relative marks a bare file name as one, for a Modelfile takes it for the name of a model otherwise.
func relative(path string) string {
	if filepath.IsAbs(path) || strings.HasPrefix(path, "./") || strings.HasPrefix(path, "../") {
		return path
	}
	return "./" + path
}

// Run converts o.From and registers it. The source, file or model, is only read. No model is replaced without o.Force,
// and the new one appears only when all of it is there.
func Run(ctx context.Context, o Options, p *progress.Progress) (Result, error) {
	from, err := origin.Find(ctx, o.Server, o.From)
	if err != nil {
		return Result{}, err
	}
	weights := from.Weights()
	converted, err := isConverted(weights)
	if err != nil {
		return Result{}, from.Explain(err)
	}
	var result Result
	if result.Name, err = nameOf(o.Name, from); err != nil {
		return Result{}, err
	}
	if result.Version, err = o.Server.Version(ctx); err != nil {
		return Result{}, err
	}
	if err := free(ctx, o, result.Name); err != nil {
		return Result{}, err
	}
	var file *atomicfile.File // the Modelfile beside a kept file
	var text []byte
	if o.Keep != "" {
		if file, text, err = keep(o, from.Modelfile); err != nil {
			return Result{}, err
		}
		defer file.Discard()
	}
	made := o.Keep
	switch {
	case !converted:
		sayRoom(o, from, p)
		if made == "" {
			dir, err := atomicfile.NewFolder("create")
			if err != nil {
				return Result{}, hint.Wrap(err, elsewhere)
			}
			defer dir.Remove()
			made = filepath.Join(dir.Path, "model-flashhead.gguf")
		}
		result.Converted = true
		err = convertTo(ctx, o, weights, made, p)
	case made != "":
		err = copyTo(ctx, o, weights, p)
	default:
		made = weights
	}
	if err != nil {
		return Result{}, err
	}
	if file != nil {
		if err := file.Complete(text); err != nil {
			return Result{}, err
		}
	}
	if err := register(ctx, o, result.Name, from.Modelfile.WithWeights(made), p); err != nil {
		if ctx.Err() != nil && file != nil {
			err = hint.Wrap(ctx.Err(), "run the same command again: it goes on with "+o.Keep+", which is done")
		}
		return Result{}, err
	}
	return result, nil
}

// nameOf returns the name of the new model: given, or the default for its source.
func nameOf(given string, from origin.Origin) (string, error) {
	switch {
	case given == "" && from.Model:
		return modelfile.DefaultName(from.Arg)
	case given == "":
		return modelfile.DefaultNameForFile(from.Arg)
	case from.Model && modelfile.SameName(given, from.Arg):
		return "", hint.New(fmt.Sprintf("%s is the source itself, which is never changed", given),
			"give the new model another name")
	}
	return given, modelfile.CheckName(given)
}

// free returns an error if there is a model called name that may not be replaced.
func free(ctx context.Context, o Options, name string) error {
	exists, err := modelfile.Exists(ctx, o.Server.Client, name)
	if err != nil {
		return o.Server.Vanished(err)
	}
	if exists && !o.Force {
		return hint.New(fmt.Sprintf("the model %s exists already", name), "give another name, or --force to replace it")
	}
	return nil
}

// isConverted reports whether the file has FlashHead; damaged keys are an error, for the runtime would ignore them.
func isConverted(path string) (bool, error) {
	m, err := flashhead.Open(path)
	if err != nil {
		return false, err
	}
	defer m.Close()
	if m.Damage != nil {
		return false, m.Unsound()
	}
	return m.Converted, nil
}

// elsewhere is the hint if there is no room for the converted file.
const elsewhere = atomicfile.Elsewhere + ", or give --keep FILE"

// convertTo makes the file output of the file weights.
func convertTo(ctx context.Context, o Options, weights, output string, p *progress.Progress) error {
	options := o.Convert
	options.Input, options.Output, options.OutputFlag, options.Force = weights, output, "--keep", o.Force
	if _, err := os.Stat(output); err == nil && !o.Force { // of a run that went no further, or else Convert refuses it
		if made, err := convert.Made(ctx, options, p); made || err != nil {
			return err
		}
	}
	_, err := convert.Convert(ctx, options, p)
	if o.Keep == "" && errors.Is(err, atomicfile.ErrNoSpace) {
		err = hint.Wrap(err, elsewhere)
	}
	return err
}

// register makes the model, of which all files are there.
func register(ctx context.Context, o Options, name string, m *modelfile.Modelfile, p *progress.Progress) error {
	defer p.Close()
	p.Start("registering")
	stage := ""
	send := modelfile.RegisterNew
	if o.Force {
		send = modelfile.Register
	}
	m, notes := m.Registered()
	err := send(ctx, o.Server.Client, name, m, func(e modelfile.Event) {
		if e.Total == 0 {
			return
		}
		if e.Status != stage {
			stage = e.Status
			p.Start(stage)
		}
		p.Set(float64(e.Done)/float64(e.Total), "")
	})
	switch {
	case errors.Is(err, modelfile.ErrExists):
		return hint.New(fmt.Sprintf("the model %s appeared meanwhile and was left as it is", name),
			"give another name, or --force to replace it")
	case err != nil:
		return o.Server.Vanished(err)
	}
	p.Done("registered " + name)
	for _, note := range notes {
		p.Note("note: " + note)
	}
	return nil
}
