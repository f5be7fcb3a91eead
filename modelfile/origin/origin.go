// Package origin finds what the argument FILE|NAME of a command means: a GGUF file, or a model of the Ollama at
// OLLAMA_HOST.
//
//  1. What begins with ./ ../ or / is a file, and so is whatever exists under that name; a folder is not.
//  2. A name that ends in .gguf is a file, unless it is a tag or lies on Hugging Face: hf.co/user/repo:file.gguf.
//  3. Everything else is the name of a model, [host/][namespace/]model[:tag].
package origin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

// Origin is a model that a user named.
type Origin struct {
	Arg       string               // as it was given
	Model     bool                 // a model of an Ollama, not a file
	Modelfile *modelfile.Modelfile // what is known of it; From is never empty
	Paths     []string             // of all files of the weights, Weights first
}

// Weights returns the path of the model's GGUF file, which may be in an Ollama's store: it is only read.
func (o Origin) Weights() string { return o.Modelfile.From[0] }

// Find resolves arg, which must mean a model in one file, because a converted model is made from it. A model's files
// exist and are readable. Errors carry a hint.
func Find(ctx context.Context, s ollama.Server, arg string) (Origin, error) {
	o, err := FindParts(ctx, s, arg)
	if err != nil {
		return o, err
	}
	if n := count(o.Weights()); n > 1 {
		return Origin{}, hint.New(fmt.Sprintf("%s has %d files, and only a model in one file can be converted", arg, n),
			"turn it on as it is: "+commandline.Self("on", arg)+"; or join its files with llama-gguf-split --merge")
	}
	return o, nil
}

// FindParts is Find for a model in any number of files.
func FindParts(ctx context.Context, s ollama.Server, arg string) (Origin, error) {
	if IsFile(arg) {
		paths, err := gguf.PartPaths(arg, count(arg))
		if err != nil {
			return Origin{}, err
		}
		return Origin{Arg: arg, Modelfile: &modelfile.Modelfile{From: []string{arg}}, Paths: paths}, nil
	}
	if modelfile.CheckName(arg) != nil {
		return Origin{}, hint.New(fmt.Sprintf("%s is neither a file nor a model name", arg),
			"check the path; names look like qwen3:0.6b or hf.co/user/repo:tag, see `ollama list`")
	}
	m, err := modelfile.Source(ctx, s, arg)
	if err != nil {
		if info, statErr := os.Stat(arg); statErr == nil && info.IsDir() {
			err = hint.Wrap(err, "name the GGUF file in the folder "+arg)
		}
		return Origin{}, err
	}
	if err := CheckAdapters(arg, m); err != nil {
		return Origin{}, err
	}
	return Origin{arg, true, m, modelfile.Parts(arg, m.From[0])}, nil
}

// CheckAdapters returns an error if the model name has adapters.
func CheckAdapters(name string, m *modelfile.Modelfile) error {
	if len(m.Adapters) == 0 {
		return nil
	}
	return hint.New(name+" has a LoRA adapter, which Ollama no longer accepts",
		"merge the adapter into the model and give the merged GGUF file")
}

// count returns the number of files of the model that path is a part of.
func count(path string) int {
	f, err := gguf.Open(path)
	if err != nil {
		return 1 // whoever reads it will say what is wrong
	}
	defer f.Close()
	return f.Parts()
}

// IsFile reports whether arg means a file.
func IsFile(arg string) bool {
	if info, err := os.Stat(arg); err == nil && !info.IsDir() {
		return true
	}
	return filepath.IsAbs(arg) || filepath.VolumeName(arg) != "" || dotted.MatchString(arg) ||
		strings.EqualFold(filepath.Ext(arg), ".gguf") && !tagged(arg)
}

var (
	dotted      = regexp.MustCompile(`^\.{0,2}[/\\]|^\.{1,2}$`)
	huggingFace = regexp.MustCompile(`^(?i:https?://)?(?i:hf\.co|huggingface\.co)/`)
)

// tagged reports whether a name that ends in .gguf can be that of a model: the tags of Hugging Face may be names of
// files.
func tagged(arg string) bool {
	return (strings.LastIndex(arg, ":") > strings.LastIndex(arg, "/") || huggingFace.MatchString(arg)) &&
		modelfile.CheckName(arg) == nil
}

// Explain replaces the path of a model's weights by the model's name in an error's cause and hint. It does not change
// other errors.
func (o Origin) Explain(err error) error {
	if !o.Model || err == nil {
		return err
	}
	if errors.Is(err, flashhead.ErrNotConverted) {
		return hint.Wrap(fmt.Errorf("%s: %w", o.Arg, flashhead.ErrNotConverted),
			"turn it on: "+commandline.Self("on", o.Arg))
	}
	cause, way := o.Named(err.Error()), o.Named(hint.Of(err))
	if cause == err.Error() && way == hint.Of(err) {
		return err
	}
	return hint.Wrap(renamed{err, cause}, way)
}

// Named returns text, which may be about the weights of a model, with the model's name in the place of their path.
func (o Origin) Named(text string) string {
	if !o.Model {
		return text
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, commandline.Quote(o.Weights()), commandline.Quote(o.Arg)),
		o.Weights(), o.Arg)
}

// renamed is an error in other words.
type renamed struct {
	error
	text string
}

func (e renamed) Error() string { return e.text }
func (e renamed) Unwrap() error { return e.error }

// notInFile is what is replaced in the name of a file.
var notInFile = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// DefaultOutput returns the name, in the working folder, of the converted file of a model: qwen3-0.6b-flashhead.gguf of
// qwen3:0.6b. For a file it is "": the converted one lies beside it.
func (o Origin) DefaultOutput() string {
	if !o.Model {
		return ""
	}
	name := o.Arg[strings.LastIndexAny(o.Arg, `/\`)+1:]
	return strings.TrimSuffix(notInFile.ReplaceAllString(name, "-"), ".gguf") + "-flashhead.gguf"
}
