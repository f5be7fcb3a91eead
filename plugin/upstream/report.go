package upstream

import (
	"fmt"
	"io"

	"github.com/fh-ollama/fh-ollama/plugin/source"
)

// Problem is something that a person has to look at.
type Problem struct {
	Part   string // what was checked, such as a patch
	Item   string // a file, or a name
	Detail string
}

// Report is the result of Check.
type Report struct {
	Ollama   source.OllamaPin   // as it would be pinned
	LlamaCpp source.LlamaCppPin // likewise
	Wants    string             // build of llama.cpp that this Ollama names
	Own      bool               // a checkout was used
	Pinned   bool               // the versions are the pinned ones
	Series   string             // folder of patches
	Dir      string             // patched tree of llama.cpp
	Problems []Problem
}

func (r *Report) add(part, item, detail string) {
	r.Problems = append(r.Problems, Problem{part, item, detail})
}

// Print writes the lines for pins.toml, and the problems.
func (r Report) Print(out io.Writer) {
	if !r.Own && !r.Pinned {
		r.printPins(out)
	}
	if len(r.Problems) == 0 {
		fmt.Fprintln(out, "\nEverything that is relied on holds, and every patch applies. Nothing was compiled.")
	}
	for _, p := range r.Problems {
		fmt.Fprintf(out, "\n  %s: %s\n      %s\n", p.Part, p.Item, p.Detail)
	}
	fmt.Fprintf(out, "\nThe tree, patched as far as possible, is in\n  %s\n", r.Dir)
	fmt.Fprintf(out, "See docs/upgrading.md for the next steps.\n")
}

// printPins writes lines for third_party/pins.toml.
func (r Report) printPins(out io.Writer) {
	fmt.Fprintf(out, "\nLines for third_party/pins.toml; this Ollama names llama.cpp %s\n", r.Wants)
	fmt.Fprintf(out, "  [ollama]\n  version = %q\n  sum     = %q\n", r.Ollama.Version, r.Ollama.Sum)
	p := r.LlamaCpp
	fmt.Fprintf(out, "  [llama_cpp]\n  version = %q\n  file    = %q\n  sha256  = %q\n"+
		"  subdir  = %q\n  commit  = %q\n  ggml    = %q\n",
		p.Version, p.File, p.SHA256, p.Subdir, p.Commit, p.GGML)
	fmt.Fprintf(out, "  [patches]\n  series = %q\n", r.Series)
}
