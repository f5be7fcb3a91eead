package doctor

import (
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/modelfile/origin"
)

// Named notes how the user named the file, arg, what that means, and if it could not be found, why.
func (r *Report) Named(arg string, from origin.Origin, err error) {
	switch {
	case err != nil:
		r.File = &File{Path: arg}
		told := func(p Problem) bool { return strings.Contains(err.Error(), p.Cause) } // nobody answers: that is said once
		if !slices.ContainsFunc(r.Problems, told) {
			r.wrong(err)
		}
	case r.File != nil && from.Model:
		r.File.Name = arg
		for i, p := range r.Problems {
			r.Problems[i] = Problem{from.Named(p.Cause), from.Named(p.WayOut)}
		}
	}
}

// shown is the file as the report shows it.
func (f File) shown() string {
	if f.Name == "" {
		return f.Path
	}
	return f.Name + " (" + f.Path + ")"
}

// next is the command that gives it FlashHead.
func (f File) next() string {
	if f.Name == "" {
		return commandline.Self("convert", f.Path)
	}
	return commandline.Self("create", "--from", f.Name)
}
