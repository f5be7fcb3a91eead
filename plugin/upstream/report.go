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

// Row is one thing that was checked.
type Row struct {
	Part   string // what it belongs to, e.g. a patch
	Item   string
	Where  string // file, beginning with the name of its source
	State  string
	Detail string
	Failed bool // somebody has to do something about it
}

// says is what there is to say of a row beside its state.
func (r Row) says() string {
	if r.Item == "" || r.Detail == "" {
		return r.Item + r.Detail
	}
	return r.Item + ": " + r.Detail
}

// sameCause tells whether two rows are of files that fail with the same message of a compiler, wherever it is.
func (r Row) sameCause(other Row) bool {
	_, message, found := strings.Cut(r.Detail, "error: ")
	return found && r.Part == other.Part && strings.HasSuffix(other.Detail, "error: "+message)
}

// Report is what CheckUpstream found.
type Report struct {
	Ollama   source.OllamaPin   // as they would be pinned
	LlamaCpp source.LlamaCppPin // likewise
	Wants    string             // the build of llama.cpp that this Ollama names
	Own      []string           // checkouts that were used instead of such versions
	Pinned   bool               // these are the versions that are pinned
	Series   string             // the patches that were tried
	Dir      string             // the scratch tree of llama.cpp
	Rejected int                // hunks that are missing in it
	Rows     []Row
}

func (r *Report) add(row Row) { r.Rows = append(r.Rows, row) }

// Failures returns the rows that somebody has to do something about.
func (r Report) Failures() (rows []Row) {
	for _, row := range r.Rows {
		if row.Failed {
			rows = append(rows, row)
		}
	}
	return rows
}

// lastPart says how many rows of the parts that begin so are sound.
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

// Print writes everything that was checked, then what failed once more, then the pins.
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
		fmt.Fprintf(out, "\nAll %d hold. Nothing of it was run: make test does that, with versions that are pinned.\n", len(r.Rows))
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
	fmt.Fprintf(out, "\nThe patched tree, as far as it came, is in\n  %s\n", r.Dir)
	if r.Rejected > 0 {
		fmt.Fprintf(out, "It lacks %s, so compiler errors may come from that; what did not apply as it stands is in rejects/ beside it.\n",
			step.Count(r.Rejected, "hunk", "hunks"))
	}
	fmt.Fprintf(out, "docs/upgrading.md says how to go on.\n")
}

// printPins writes what third_party/pins.toml would say; checkouts cannot be pinned.
func (r Report) printPins(out io.Writer) {
	if len(r.Own) > 0 || r.Pinned {
		return
	}
	fmt.Fprintf(out, "\nWhat was checked, as it would be pinned; this Ollama names llama.cpp %s\n", r.Wants)
	fmt.Fprintf(out, "  [ollama]\n  version = %q\n  sum     = %q\n", r.Ollama.Version, r.Ollama.Sum)
	p := r.LlamaCpp
	fmt.Fprintf(out, "  [llama_cpp]\n  version = %q\n  file    = %q\n  sha256  = %q\n  subdir  = %q\n  commit  = %q\n  ggml    = %q\n",
		p.Version, p.File, p.SHA256, p.Subdir, p.Commit, p.GGML)
	fmt.Fprintf(out, "  [patches]\n  series = %q\n", r.Series)
}
