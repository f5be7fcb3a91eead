package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Hunk is a part of a patch, and what Try did with it.
type Hunk struct {
	File   string
	Number int // within its file, from 1
	State  string
	Detail string
}

// States of a hunk.
const (
	HunkApplies  = "applies"
	hunkOffset   = "applies with an offset"
	HunkRejected = "does not apply"
)

var (
	hunkHeader = regexp.MustCompile(`^@@ -(\d+)`)
	fileSaid   = regexp.MustCompile(`^(Checking|Appl\w+) patch (\S+?)(?:\.\.\.| cleanly| with)`)
	errorSaid  = regexp.MustCompile(`^error: (\S+): (.+)`)
	hunkSaid   = regexp.MustCompile(`^(?:Rejected hunk|Hunk) #(\d+)(?: succeeded at (.+))?\.\n`)
)

// Try applies those hunks of a patch to dir that fit. It leaves the others in FILE.PATCH.rej beside each file.
func (p Patcher) Try(ctx context.Context, dir string, patch Patch) (hunks []Hunk, err error) {
	out, _ := p.gitApplyOutput(ctx, dir, patch.Data, "--reject", "--verbose") // an error means rejected hunks
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	const applied = "Appl"
	files := map[string]string{} // applied, or why none of a file's hunks is
	said := map[string]string{}  // for a hunk, by file and number: its place if that is another, "" if it is rejected
	file := ""
	key := func(number any) string { return fmt.Sprint(file, "#", number) }
	for line := range strings.Lines(out) {
		if m := fileSaid.FindStringSubmatch(line); m != nil {
			file = m[2]
			files[file] = m[1][:len(applied)]
		} else if m := errorSaid.FindStringSubmatch(line); m != nil && m[1] == file {
			files[file] = m[2]
		} else if m := hunkSaid.FindStringSubmatch(line); m != nil {
			said[key(m[1])] = m[2]
		}
	}
	number := 0
	for line := range strings.Lines(string(patch.Data)) {
		if name, found := strings.CutPrefix(line, "+++ b/"); found {
			file, number = strings.TrimSpace(name), 0
		}
		m := hunkHeader.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		number++
		h := Hunk{File: file, Number: number, State: HunkApplies}
		switch place, other := said[key(number)]; {
		case files[file] != applied:
			h.State, h.Detail = HunkRejected, files[file]
		case place != "":
			h.State, h.Detail = hunkOffset, "line "+place
		case other:
			h.State, h.Detail = HunkRejected, "was at line "+m[1]
			rest := filepath.Join(dir, filepath.FromSlash(file))
			err := os.Rename(rest+".rej", rest+"."+patch.Name+".rej") // the next patch may write a .rej too
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
		hunks = append(hunks, h)
	}
	return hunks, nil
}
