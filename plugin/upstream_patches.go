package plugin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// hunk is a part of a patch that git applies by itself.
type hunk struct {
	file   string
	number int // of its file, from 1
	of     int
	line   int // where it was in the file that it was written for; 0 if the patch makes or removes the file
	header string
	text   string
}

var hunkHeader = regexp.MustCompile(`^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@`)

// hunks takes a patch apart. A part of it that makes, renames or removes a file, or has no lines, is one hunk.
func (p Patch) hunks() (list []hunk) {
	var header []string
	file, begin := "", 0     // of the part for one file, and its first hunk in list
	oldLeft, newLeft := 0, 0 // lines of the hunk that are still to come
	end := func() {
		for i := begin; i < len(list); i++ {
			list[i].of = len(list) - begin
		}
		begin, header = len(list), nil
	}
	for line := range strings.Lines(string(p.Data)) {
		switch m := hunkHeader.FindStringSubmatch(line); {
		case oldLeft > 0 || newLeft > 0 || strings.HasPrefix(line, `\`):
			list[len(list)-1].text += line
			if line[0] != '+' && line[0] != '\\' {
				oldLeft--
			}
			if line[0] != '-' && line[0] != '\\' {
				newLeft--
			}
		case m != nil:
			at, _ := strconv.Atoi(m[1])
			oldLeft, newLeft = 1, 1
			if m[2] != "" {
				oldLeft, _ = strconv.Atoi(m[2])
			}
			if m[3] != "" {
				newLeft, _ = strconv.Atoi(m[3])
			}
			list = append(list, hunk{file: file, number: len(list) - begin + 1, line: at, header: strings.Join(header, ""), text: line})
		case strings.HasPrefix(line, "diff --git "), strings.HasPrefix(line, "--- ") && len(list) > begin:
			end()
			header = append(header, line)
		default:
			if name, ok := strings.CutPrefix(strings.TrimSpace(line), "+++ b/"); ok {
				file = name
			}
			header = append(header, line)
		}
	}
	end()
	return list
}

// added is the first line that a hunk adds, for people.
func (h hunk) added() string {
	for line := range strings.Lines(h.text) {
		if text := strings.TrimSpace(strings.TrimPrefix(line, "+")); strings.HasPrefix(line, "+") && text != "" {
			return text
		}
	}
	return ""
}

var (
	appliedAt  = regexp.MustCompile(`(?m)^Hunk #\d+ succeeded at (\d+) \(offset (-?\d+) lines?\)`)
	contextCut = regexp.MustCompile(`(?m)^Context reduced to \(\d+/\d+\) to apply fragment at (\d+)`)
)

// Outcomes of one hunk.
const (
	hunkApplies     = "applies"
	hunkOffset      = "applies, moved"
	hunkLessContext = "neighbours changed" // applies with one line of context on each side, which a build does not do
	hunkRejected    = "does not apply"
)

// try applies one hunk to dir, if need be with less context, and says how.
func (p patcher) try(ctx context.Context, dir string, h hunk) (outcome, detail string, err error) {
	data := []byte(h.header + h.text)
	out, applyErr := p.gitApplyOutput(ctx, dir, data, "--verbose")
	if applyErr == nil {
		if m := appliedAt.FindStringSubmatch(out); m != nil {
			return hunkOffset, fmt.Sprintf("line %d, by %s", atoi(m[1]), m[2]), nil
		}
		return hunkApplies, "", nil
	}
	if ctx.Err() != nil {
		return "", "", ctx.Err()
	}
	if out, err := p.gitApplyOutput(ctx, dir, data, "--verbose", "-C1"); err == nil {
		at := h.line
		for _, said := range []*regexp.Regexp{appliedAt, contextCut} {
			if m := said.FindStringSubmatch(out); m != nil {
				at = atoi(m[1])
			}
		}
		return hunkLessContext, fmt.Sprintf("goes to line %d, beside other lines than before: `%s`", at, h.added()), nil
	}
	return hunkRejected, fmt.Sprintf("was at line %d: `%s`", h.line, h.added()), nil
}

func atoi(s string) int { n, _ := strconv.Atoi(s); return n }

// tryPatches lays the head over the tree, tries the cures, each hunk of the series and then Ollama's own patches, and writes the
// tree with all that applied. What did not apply is kept beside it.
func (c *upstreamCheck) tryPatches(ctx context.Context, st *Step) error {
	tree := Tree{}
	if err := tree.AddDir("", c.llamaCpp.dir, c.llamaCpp.skip); err != nil {
		return err
	}
	if err := tree.Add("flashhead", c.overlay.Head, goFiles); err != nil {
		return err
	}
	compat, err := compatPatches(os.DirFS(c.ollama.dir))
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(c.dir, scratchPrefix+"*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	p := patcher{git: c.tools.Git, scratch: scratch}
	cures, err := ReadSeries(c.overlay.Patches, cureFolder)
	if err != nil {
		return err
	}
	all := slices.Concat(cures, c.ours, compat)
	work, err := p.stage(tree, all)
	if err != nil {
		return err
	}
	if err := c.tryCures(ctx, p, work, cures); err != nil {
		return err
	}
	for _, patch := range c.ours {
		if err := c.tryPatch(ctx, p, work, patch); err != nil {
			return err
		}
	}
	for _, patch := range compat {
		if err := c.tryCompat(ctx, p, work, tree, patch); err != nil {
			return err
		}
	}
	if c.staged, err = p.staged(tree, all, work); err != nil {
		return err
	}
	ollama := Tree{}
	if err := ollama.AddDir("", c.ollama.dir, c.ollama.skip); err != nil {
		return err
	}
	if _, err := ollama.Sync(c.ollamaTree()); err != nil {
		return err
	}
	if _, err := c.staged.Sync(c.llamaTree()); err != nil {
		return err
	}
	c.treeKey = c.staged.namesKey()
	st.Note("%s", c.report.lastPart("patch"))
	return nil
}

// tryPatch tries one of our patches, hunk by hunk.
func (c *upstreamCheck) tryPatch(ctx context.Context, p patcher, work string, patch Patch) error {
	rejects := filepath.Join(c.dir, "rejects", patch.Name)
	if err := os.RemoveAll(rejects); err != nil {
		return err
	}
	var rejected strings.Builder
	for _, h := range patch.hunks() {
		outcome, detail, err := p.try(ctx, work, h)
		if err != nil {
			return err
		}
		failed := outcome == hunkLessContext || outcome == hunkRejected
		if failed {
			rejected.WriteString(h.header + h.text)
		}
		c.report.add(UpstreamRow{
			Part: "patch " + patch.Name, Item: fmt.Sprintf("hunk %d of %d", h.number, h.of), Where: "llama.cpp/" + h.file,
			State: outcome, Detail: detail, Failed: failed,
		})
		if outcome == hunkRejected {
			c.report.Rejected++
		}
	}
	if rejected.Len() == 0 {
		return nil
	}
	return replace(rejects, []byte(rejected.String()), 0o644)
}

// tryCompat tries one of Ollama's own patches, after ours, as a build does.
func (c *upstreamCheck) tryCompat(ctx context.Context, p patcher, work string, pristine Tree, patch Patch) error {
	row := UpstreamRow{Part: "patch of Ollama", Item: patch.Name, Where: "ollama/llama/compat", State: hunkApplies}
	if p.gitApply(ctx, work, patch, "--reverse", "--check") == nil {
		row.State = "is in already"
	} else if err := p.gitApply(ctx, work, patch); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		row.State, row.Failed = hunkRejected, true
		row.Detail = err.Error()
		alone := patcher{git: p.git, scratch: filepath.Join(p.scratch, "alone-"+patch.Name)}
		if _, err := alone.apply(ctx, pristine, []Patch{patch}); err != nil {
			row.Detail += " (nor without our patches: this Ollama does not go with this llama.cpp)"
		} else {
			row.Detail += " (but without our patches it does)"
		}
	}
	c.report.add(row)
	return ctx.Err()
}
