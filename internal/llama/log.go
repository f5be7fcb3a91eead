package llama

import (
	"bytes"
	"strings"
	"sync"
)

// log keeps what is of use in a program's output: the lines about the head, and the end. It is safe for concurrent use.
type log struct {
	mutex sync.Mutex
	head  []string // lines of FlashHead, without what stands before
	tail  []byte
	line  []byte // unfinished
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

// end returns text, or its last part once it is twice what is kept.
func end(text []byte) []byte {
	if len(text) <= 2*tailBytes {
		return text
	}
	return append(make([]byte, 0, 2*tailBytes), text[len(text)-tailBytes:]...)
}

// Head returns what FlashHead said, a line each.
func (l *log) Head() []string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return append([]string(nil), l.head...)
}

// String returns the end of the output.
func (l *log) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return string(l.tail)
}

// lastWords returns the last line of the output that says an error, or else the last one at all.
func (l *log) lastWords() string {
	last, failed := "", ""
	for line := range strings.Lines(l.String()) {
		line = strings.TrimSpace(line)
		if _, text, ok := strings.Cut(line, " E "); ok { // llama.cpp's mark of an error, after the time
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
