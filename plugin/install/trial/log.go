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

// longest limits the kept part of a log; a tiny model writes 30 kB.
const longest = 4 << 20

func (l *log) Write(p []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.text.Len() < longest {
		l.text.Write(p)
	}
	return len(p), nil
}

// lines returns the complete lines so far.
func (l *log) lines() []string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	text := l.text.String()
	return strings.Split(text[:strings.LastIndexByte(text, '\n')+1], "\n")
}

// find returns the last line that contains text, from text on.
func (l *log) find(text string) string {
	found := ""
	for _, line := range l.lines() {
		if i := strings.Index(line, text); i >= 0 {
			found = strings.TrimSpace(line[i:])
		}
	}
	return found
}

// loaded reports whether the model is loaded and its warm-up, one token, is done.
func (l *log) loaded() bool { return l.find("model loaded") != "" }

// head returns the plug-in's line about the head.
func (l *log) head() string { return l.find("flash_head: ") }

// active returns the line of an active head without the numbers of the tiny model; "" if the head is not active.
func (l *log) active() string {
	said, _, _ := strings.Cut(l.find("flash_head: active"), ": output.weight")
	return said
}

// last returns the last line that is not empty.
func (l *log) last() string {
	last := ""
	for _, line := range l.lines() {
		if line = strings.TrimSpace(line); line != "" {
			last = line
		}
	}
	return last
}
