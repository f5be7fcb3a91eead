package doctor

import (
	"slices"
	"strings"
)

// Named records the user's name for the file, arg, and why it could not be found. For a model, rename replaces its path
// by its name in a text; for a file it is nil.
func (r *Report) Named(arg string, rename func(text string) string, err error) {
	switch {
	case err != nil:
		r.File = &File{Path: arg}
		told := func(p Problem) bool { return strings.Contains(err.Error(), p.Cause) } // report "no Ollama answers" once
		if !slices.ContainsFunc(r.Problems, told) {
			r.wrong(err)
		}
	case r.File != nil && rename != nil:
		r.File.Name = arg
		for i, p := range r.Problems {
			r.Problems[i] = Problem{rename(p.Cause), rename(p.WayOut)}
		}
	}
}

// shown returns the report's name of the file.
func (f File) shown() string {
	if f.Name == "" {
		return f.Path
	}
	return f.Name + " (" + f.Path + ")"
}
