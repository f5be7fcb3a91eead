package tree

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Hunk is a part of a patch that can be applied alone.
type Hunk struct {
	File   string
	Number int // within its file, from 1
	Of     int
	line   int // in the original file; 0 if the patch adds or removes the file
	Header string
	Text   string
}

var hunkHeader = regexp.MustCompile(`^@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@`)

// Hunks splits a patch. Added, renamed and removed files, and changes without lines, are one hunk each.
func (p Patch) Hunks() (list []Hunk) {
	var header []string
	file, begin := "", 0     // current file, and its first hunk in list
	oldLeft, newLeft := 0, 0 // remaining lines of the hunk
	end := func() {
		for i := begin; i < len(list); i++ {
			list[i].Of = len(list) - begin
		}
		begin, header = len(list), nil
	}
	for line := range strings.Lines(string(p.Data)) {
		switch m := hunkHeader.FindStringSubmatch(line); {
		case oldLeft > 0 || newLeft > 0 || strings.HasPrefix(line, `\`):
			list[len(list)-1].Text += line
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
			list = append(list, Hunk{
				File: file, Number: len(list) - begin + 1, line: at, Header: strings.Join(header, ""), Text: line,
			})
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

// added returns the first line that a hunk adds, for display.
func (h Hunk) added() string {
	for line := range strings.Lines(h.Text) {
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

// Outcomes of Try.
const (
	HunkApplies     = "applies"
	hunkOffset      = "applies, moved"
	HunkLessContext = "neighbours changed" // applies with one line of context, which a build does not accept
	HunkRejected    = "does not apply"
)

// Try applies one hunk to dir, with less context if needed.
func (p Patcher) Try(ctx context.Context, dir string, h Hunk) (outcome, detail string, err error) {
	data := []byte(h.Header + h.Text)
	out, applyErr := p.gitApplyOutput(ctx, dir, data, "--verbose")
	if applyErr == nil {
		if m := appliedAt.FindStringSubmatch(out); m != nil {
			return hunkOffset, fmt.Sprintf("line %d, by %s", atoi(m[1]), m[2]), nil
		}
		return HunkApplies, "", nil
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
		return HunkLessContext, fmt.Sprintf("goes to line %d, beside other lines than before: `%s`", at, h.added()), nil
	}
	return HunkRejected, fmt.Sprintf("was at line %d: `%s`", h.line, h.added()), nil
}

func atoi(s string) int { n, _ := strconv.Atoi(s); return n }
