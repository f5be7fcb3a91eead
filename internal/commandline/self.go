package commandline

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
)

// name is the name of this program's executable.
const name = "fh-ollama"

// Self returns the command line that runs this program with args from the working folder: by name if PATH finds this
// executable, else by path.
func Self(args ...string) string { return words(self(), args) }

// Other returns the command line of another program that may lie beside ours, like ollama in a patched build: by name
// if PATH finds one, else by the path of the one beside this program.
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

// self is this program, not quoted. A program with another name, such as a test, counts as the installed fh-ollama.
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

// Path returns the shortest form of a path for a shell: relative to the working folder if it is below, with ./ before a
// bare name.
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

// spoken matches this program's name before a command, in a text.
var spoken = regexp.MustCompile("(^|[\\s`(])" + name + "( [a-z-])")

// Runnable returns text with fh-ollama in its commands replaced by Self's form.
func Runnable(text string) string {
	by := Quote(self())
	if by == name {
		return text
	}
	return spoken.ReplaceAllString(text, "${1}"+strings.ReplaceAll(by, "$", "$$")+"${2}")
}
