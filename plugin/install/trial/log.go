package trial

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
)

const (
	update  = "update Ollama or fh-ollama, whichever is older; or "
	own     = "make an Ollama that has FlashHead inside: fh-ollama build"
	rebuild = "build the plug-in on this machine: fh-ollama build --plugin; or "
)

// why explains a model that was loaded without an active head.
func (t Trial) why(l *log) error {
	if line := l.head(); line != "" {
		return hint.New("the plug-in is loaded, but not used: "+line, "use the Ollama that the line asks for, or "+own)
	}
	if reason := l.find("failed to load " + t.Library + ": "); reason != "" {
		return t.dlopen(strings.TrimPrefix(reason, "failed to load "))
	}
	if reason := l.find("failed to initialize backend from " + t.Library); reason != "" {
		if strings.Contains(reason, "incompatible API version") {
			return hint.New("this Ollama has another ggml than the plug-in was built for: "+reason, update+own)
		}
		return hint.New("the plug-in does not start: "+reason, rebuild+own)
	}
	if reason := l.find("failed to find ggml_backend_init in " + t.Library); reason != "" {
		return hint.New("the plug-in is not a ggml backend: "+reason, rebuild+own)
	}
	return hint.New(fmt.Sprintf("%s loads a converted model and does not mention the plug-in %s",
		filepath.Join(t.LibDir, installation.ServerName), t.Library), "update Ollama, or "+own)
}

// newerSymbol matches the loader's error for a library built with a newer C or C++ library.
var newerSymbol = regexp.MustCompile("version `((GLIBC|GLIBCXX|CXXABI|GCC)_[0-9.]+)' not found")

// dlopen explains an error of the dynamic loader, "PATH: CAUSE".
func (t Trial) dlopen(reason string) error {
	said := func(cause string) string { return cause + ": " + reason }
	switch m := newerSymbol.FindStringSubmatch(reason); {
	case m != nil && m[2] == "GLIBC":
		return hint.New(said("the C library of this system is older than the plug-in needs ("+m[1]+")"), rebuild+own)
	case m != nil:
		return hint.New(said("the C++ library of this system is older than the plug-in needs ("+m[1]+")"), rebuild+own)
	case strings.Contains(reason, "failed to map segment") && strings.Contains(reason, "Permission denied"),
		strings.Contains(reason, "cannot open shared object file: Operation not permitted"),
		strings.Contains(reason, "cannot apply additional memory protection"):
		return hint.New(said("a security policy of this system (SELinux, fapolicyd or another) forbids the plug-in"),
			"allow "+filepath.Dir(t.Library)+" there, e.g. by restorecon -R or fapolicyd-cli --file add; or "+own)
	case strings.Contains(reason, "failed to map segment"):
		return hint.New(said("nothing may be executed from "+filepath.Dir(t.Library)+", it is mounted noexec or forbidden"),
			"mount it without noexec; or place the plug-in beside Ollama's libraries: fh-ollama install --into-lib")
	case strings.Contains(reason, "Permission denied"):
		who := "this user"
		if t.Account != "" {
			who = "the user " + t.Account + ", who runs Ollama,"
		}
		return hint.New(said(who+" may not read the plug-in"),
			"let everybody read it and enter the folders above it (chmod a+r, chmod a+x)")
	case strings.Contains(reason, "undefined symbol"):
		return hint.New(said("this Ollama has another ggml than the plug-in was built for"), update+own)
	}
	return hint.New(said("the plug-in cannot be loaded"), rebuild+own)
}

// ended explains a llama-server that ended before the model was loaded.
func (t Trial) ended(state *os.ProcessState, l *log) error {
	said := l.head()
	if said == "" {
		said = l.last()
	}
	if said != "" {
		said = "; its log ends with: " + said
	}
	return hint.New(fmt.Sprintf("llama-server of this Ollama ends with the plug-in: %v%s", state, said), rebuild+own)
}

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
