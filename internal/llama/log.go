package llama

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// log keeps FlashHead's lines and the end of a program's output. It is safe for concurrent use.
type log struct {
	mutex sync.Mutex
	head  []string // FlashHead's lines, without headMark and what precedes it
	tail  []byte
	line  []byte // the unfinished line
}

const (
	tailBytes = 16 << 10
	headMark  = "flash_head: "
)

// Write never fails.
func (l *log) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.tail = end(append(l.tail, p...))
	l.line = append(l.line, p...)
	for {
		line, rest, ok := bytes.Cut(l.line, []byte("\n"))
		if !ok {
			l.line = end(l.line) // a program may write one long line
			return len(p), nil
		}
		if _, text, ok := bytes.Cut(line, []byte(headMark)); ok && len(l.head) < 100 {
			l.head = append(l.head, strings.TrimSpace(string(text)))
		}
		l.line = rest
	}
}

// end returns text, cut to its last tailBytes once it is twice as long.
func end(text []byte) []byte {
	if len(text) <= 2*tailBytes {
		return text
	}
	return append(make([]byte, 0, 2*tailBytes), text[len(text)-tailBytes:]...)
}

// Head returns FlashHead's lines.
func (l *log) Head() []string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return append([]string(nil), l.head...)
}

func (l *log) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return string(l.tail)
}

// lastWords returns the last error in the output, or the last line if there is no error.
func (l *log) lastWords() string {
	last, failed := "", ""
	for line := range strings.Lines(l.String()) {
		line = strings.TrimSpace(line)
		if _, text, ok := strings.Cut(line, " E "); ok { // llama.cpp's mark of an error
			failed = text
		}
		if line != "" {
			last = line
		}
	}
	if failed != "" {
		return failed
	}
	return last
}

// checkHead returns an error unless FlashHead ran as settings ask. said is its lines in the log.
func checkHead(said, settings []string) error {
	probes, wanted := "", !slices.Contains(settings, "FLASHHEAD_ENABLED=0")
	for _, s := range settings {
		if n, ok := strings.CutPrefix(s, "FLASHHEAD_PROBES="); ok {
			probes = n
		}
	}
	active, reason := "", "the runtime does not know it"
	for _, line := range said {
		if strings.HasPrefix(line, "active on ") {
			active = line
		} else {
			reason = strings.TrimSuffix(line, "; running dense")
		}
	}
	switch {
	case !wanted && active != "":
		return hint.New("the runtime uses FlashHead although FLASHHEAD_ENABLED is 0", "build a new one: fh-ollama build")
	case wanted && active == "":
		return hint.New("FlashHead is not active: "+reason,
			"use a runtime that has it: --lib DIR of fh-ollama build, or the plug-in in GGML_BACKEND_PATH")
	case wanted && probes != "" && !strings.Contains(active, fmt.Sprintf(" %s probed", probes)):
		return hint.New(fmt.Sprintf("FlashHead does not use %s probes: it is %s", probes, active),
			"build a new runtime: fh-ollama build")
	}
	return nil
}
