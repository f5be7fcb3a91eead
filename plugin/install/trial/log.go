package trial

import (
	"bytes"
	"strings"
	"sync"
)

// log collects what llama-server writes.
type log struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

// longest bounds what is kept of a log; that of a tiny model has 30 kB.
const longest = 4 << 20

func (l *log) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.text.Len() < longest {
		l.text.Write(p)
	}
	return len(p), nil
}

// lines returns the lines so far, without the last if it is not finished.
func (l *log) lines() []string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	text := l.text.String()
	return strings.Split(text[:strings.LastIndexByte(text, '\n')+1], "\n")
}

// find returns the last line that has text, from there on.
func (l *log) find(text string) string {
	found := ""
	for _, line := range l.lines() {
		if i := strings.Index(line, text); i >= 0 {
			found = strings.TrimSpace(line[i:])
		}
	}
	return found
}

// loaded tells whether the model is loaded and its warm-up, a first token, is over.
func (l *log) loaded() bool { return l.find("model loaded") != "" }

// head is what the plug-in says of the head.
func (l *log) head() string { return l.find("flash_head: ") }

// active is what the line of an active head says before the figures of the tiny model, "" if it is not.
func (l *log) active() string {
	said, _, _ := strings.Cut(l.find("flash_head: active"), ": output.weight")
	return said
}

// last returns the last line.
func (l *log) last() string {
	last := ""
	for _, line := range l.lines() {
		if line = strings.TrimSpace(line); line != "" {
			last = line
		}
	}
	return last
}
