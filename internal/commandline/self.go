package commandline

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// name is this program's, as it is built.
const name = "fh-ollama"

// Self returns the command line that runs this program with args, so that a shell in the working folder runs it as
// printed: by its name if PATH finds this very program, else by its path.
func Self(args ...string) string { return words(self(), args) }

// Other returns the command line of a program that is not ours but may lie beside ours, as ollama does in a patched
// build: by its name if PATH finds one, else by the path of the one beside this program.
func Other(program string, args ...string) string {
	at := program
	if _, err := exec.LookPath(program); err != nil {
		if own, err := os.Executable(); err == nil {
			beside := filepath.Join(filepath.Dir(own), program)
			if _, err := exec.LookPath(beside); err == nil {
				at = Path(beside)
			}
		}
	}
	return words(at, args)
}

func words(program string, args []string) string {
	line := Quote(program)
	for _, arg := range args {
		line += " " + Quote(arg)
	}
	return line
}

// self is this program, not quoted. What is neither called fh-ollama nor a release of it, such as a test, speaks of the
// installed one.
var self = sync.OnceValue(func() string {
	own, err := os.Executable()
	if err != nil || !strings.HasPrefix(filepath.Base(own), name) {
		return name
	}
	if found, err := exec.LookPath(name); err == nil && same(found, own) {
		return name
	}
	return Path(own)
})

func same(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// Path returns a path in its shortest form that a shell takes for a path: relative to the working folder if it lies
// below that, with ./ before a bare name.
func Path(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	rel, err := filepath.Rel(wd, path)
	if err != nil || !filepath.IsLocal(rel) {
		return path
	}
	if !strings.ContainsRune(rel, filepath.Separator) {
		rel = "." + string(filepath.Separator) + rel
	}
	return rel
}

// spoken is this program in a text that tells a command of it.
var spoken = regexp.MustCompile("(^|[\\s`(])" + name + "( [a-z-])")

// Runnable returns text, which names commands of fh-ollama, with the program named as Self does.
func Runnable(text string) string {
	by := Quote(self())
	if by == name {
		return text
	}
	return spoken.ReplaceAllString(text, "${1}"+strings.ReplaceAll(by, "$", "$$")+"${2}")
}
