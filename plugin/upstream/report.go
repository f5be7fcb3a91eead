package upstream

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// Row is the outcome of one check.
type Row struct {
	Part   string // group of rows, such as a patch
	Item   string
	Where  string // file, with the name of its source first
	State  string
	Detail string
	Failed bool // needs a person
}

// says joins what a row says beside its state.
func (r Row) says() string {
	if r.Item == "" || r.Detail == "" {
		return r.Item + r.Detail
	}
	return r.Item + ": " + r.Detail
}

// sameCause reports whether two rows fail with the same compiler message, in any file.
func (r Row) sameCause(other Row) bool {
	_, message, found := strings.Cut(r.Detail, "error: ")
	return found && r.Part == other.Part && strings.HasSuffix(other.Detail, "error: "+message)
}

// Report is the result of Check.
type Report struct {
	Ollama   source.OllamaPin   // as it would be pinned
	LlamaCpp source.LlamaCppPin // likewise
	Wants    string             // build of llama.cpp that this Ollama names
	Own      []string           // checkouts that were used instead
	Pinned   bool               // the versions are the pinned ones
	Series   string             // folder of patches
	Dir      string             // patched tree of llama.cpp
	Rejected int                // hunks that the tree lacks
	Rows     []Row
}

func (r *Report) add(row Row) { r.Rows = append(r.Rows, row) }

// Failures returns the rows that need a person.
func (r Report) Failures() (rows []Row) {
	for _, row := range r.Rows {
		if row.Failed {
			rows = append(rows, row)
		}
	}
	return rows
}

// lastPart counts the rows without failure of all parts with this prefix: "3 of 4".
func (r Report) lastPart(prefix string) string {
	sound, all := 0, 0
	for _, row := range r.Rows {
		if strings.HasPrefix(row.Part, prefix) {
			all++
			if !row.Failed {
				sound++
			}
		}
	}
	return fmt.Sprintf("%d of %d", sound, all)
}

// Print writes all rows, the lines for pins.toml, and then the failures again.
func (r Report) Print(out io.Writer) {
	part := ""
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, row := range r.Rows {
		if row.Part != part {
			table.Flush()
			part = row.Part
			fmt.Fprintf(out, "\n%s\n", part)
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\n", row.State, row.Where, row.says())
	}
	table.Flush()
	r.printPins(out)
	failures := r.Failures()
	if len(failures) == 0 {
		fmt.Fprintf(out, "\nAll %d hold. Nothing was run: make test does that, with the pinned versions.\n", len(r.Rows))
		return
	}
	fmt.Fprintf(out, "\n%d of %d need a person:\n\n", len(failures), len(r.Rows))
	for len(failures) > 0 {
		row := failures[0]
		fmt.Fprintf(out, "  %s: %s\n      %s: %s\n", row.Part, row.State, row.Where, row.says())
		failures = slices.DeleteFunc(failures[1:], func(other Row) bool {
			same := row.sameCause(other)
			if same {
				fmt.Fprintf(out, "      likewise %s\n", other.Where)
			}
			return same
		})
	}
	fmt.Fprintf(out, "\nThe tree, patched as far as possible, is in\n  %s\n", r.Dir)
	if r.Rejected > 0 {
		fmt.Fprintf(out, "It lacks %s, which may cause compiler errors. Rejected hunks are in its files .rej.\n",
			step.Count(r.Rejected, "hunk", "hunks"))
	}
	fmt.Fprintf(out, "See docs/upgrading.md for the next steps.\n")
}

// printPins writes lines for third_party/pins.toml, unless a checkout was used.
func (r Report) printPins(out io.Writer) {
	if len(r.Own) > 0 || r.Pinned {
		return
	}
	fmt.Fprintf(out, "\nLines for third_party/pins.toml; this Ollama names llama.cpp %s\n", r.Wants)
	fmt.Fprintf(out, "  [ollama]\n  version = %q\n  sum     = %q\n", r.Ollama.Version, r.Ollama.Sum)
	p := r.LlamaCpp
	fmt.Fprintf(out, "  [llama_cpp]\n  version = %q\n  file    = %q\n  sha256  = %q\n"+
		"  subdir  = %q\n  commit  = %q\n  ggml    = %q\n",
		p.Version, p.File, p.SHA256, p.Subdir, p.Commit, p.GGML)
	fmt.Fprintf(out, "  [patches]\n  series = %q\n", r.Series)
}
