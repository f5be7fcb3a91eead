// Package audit holds the promises of SECURITY.md that can be read off the source, of which a change may break one in any
// file.
package audit

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const top = "../.."

// goFile is a parsed source file that is no test.
type goFile struct {
	path string // from the top, with slashes
	set  *token.FileSet
	*ast.File
}

// goFiles returns all of them.
func goFiles(t *testing.T) (files []goFile) {
	t.Helper()
	walk(t, func(path string, text []byte) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, text, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, goFile{path, set, file})
	})
	if len(files) < 100 {
		t.Fatalf("only %d Go files are found", len(files))
	}
	return files
}

// walk calls see with the text of every source file, builds and downloads left out.
func walk(t *testing.T, see func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(top, path)
		if d.IsDir() {
			if base := d.Name(); name != "." && (strings.HasPrefix(base, ".") || base == "dist" || base == "dist-stock" || base == "build" || base == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if !slices.Contains([]string{".go", ".c", ".cpp", ".h", ".cu", ".cuh", ".m", ".metal"}, filepath.Ext(path)) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil {
			see(filepath.ToSlash(name), text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// calls returns the calls of a function of a package, e.g. "exec" and "Command".
func (f goFile) calls(pkg string, names ...string) (found []*ast.CallExpr) {
	ast.Inspect(f.File, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if s, ok := call.Fun.(*ast.SelectorExpr); ok && slices.Contains(names, s.Sel.Name) {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == pkg {
				found = append(found, call)
			}
		}
		return true
	})
	return found
}

// texts returns the string literals in the arguments of a call.
func texts(call *ast.CallExpr) (found []string) {
	for _, arg := range call.Args {
		ast.Inspect(arg, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value)
				found = append(found, text)
			}
			return true
		})
	}
	return found
}

// No program is run through a shell, so that no name of a file or model can become a command.
func TestNoShell(t *testing.T) {
	shells := []string{"sh", "bash", "dash", "zsh", "ksh", "cmd", "cmd.exe", "powershell", "env", "-c", "/c"}
	runs := 0
	for _, f := range goFiles(t) {
		for _, call := range f.calls("exec", "Command", "CommandContext") {
			runs++
			for i, text := range texts(call) {
				if i == 1 && text == "env" && texts(call)[0] == "go" {
					continue // not the program of that name
				}
				if slices.Contains(shells, filepath.Base(text)) {
					t.Errorf("%s runs %q", f.set.Position(call.Pos()), text)
				}
			}
		}
	}
	if runs < 5 {
		t.Errorf("only %d calls are found", runs)
	}
	banned := regexp.MustCompile(`\b(system|popen|execlp|execvp|ShellExecute\w*|WinExec)\s*\(`)
	walk(t, func(path string, text []byte) {
		if strings.HasSuffix(path, ".go") {
			return
		}
		if found := banned.Find(text); found != nil {
			t.Errorf("%s calls %s", path, found)
		}
	})
}

// Few files speak HTTP, and those to an Ollama or a llama-server, but for one that downloads: plugin/source/index.go, the archive
// with llama.cpp, which nothing reads before its hash is the pinned one. The rest that is downloaded is a module, by Go.
func TestNetwork(t *testing.T) {
	allowed := []string{"internal/llama/", "internal/server/", "modelfile/", "integration/", "plugin/source/index.go"}
	seen := map[string]bool{}
	for _, f := range goFiles(t) {
		for _, spec := range f.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			if !strings.HasPrefix(path, "net/http") && path != "net/rpc" && path != "crypto/tls" {
				continue
			}
			i := slices.IndexFunc(allowed, func(dir string) bool { return strings.HasPrefix(f.path, dir) })
			if i < 0 {
				t.Errorf("%s imports %s", f.path, path)
				continue
			}
			seen[allowed[i]] = true
		}
		for _, call := range f.calls("net", "Listen", "ListenTCP", "ListenPacket") {
			if !slices.ContainsFunc(texts(call), func(s string) bool { return strings.HasPrefix(s, "127.0.0.1:") }) {
				t.Errorf("%s listens elsewhere than at 127.0.0.1", f.set.Position(call.Pos()))
			}
		}
		// tests relay what a client sends to an RPC server of theirs
		if !strings.HasPrefix(f.path, "integration/") && len(f.calls("net", "Dial", "DialTimeout", "DialTCP", "DialUDP")) > 0 {
			t.Errorf("%s opens connections of its own", f.path)
		}
		if len(f.calls("http", "ListenAndServe", "ListenAndServeTLS", "Serve", "Get", "Post", "PostForm")) > 0 {
			t.Errorf("%s serves or downloads", f.path)
		}
	}
	if len(seen) != len(allowed) {
		t.Errorf("of %q only %v use the network", allowed, seen)
	}
}

// Whoever starts a llama-server tells it to listen at this machine's own address.
func TestServersListenHere(t *testing.T) {
	starters := 0
	for _, f := range goFiles(t) {
		ast.Inspect(f.File, func(n ast.Node) bool {
			list, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			words := texts(&ast.CallExpr{Args: list.Elts})
			if i := slices.Index(words, "--port"); i >= 0 {
				starters++
				if at := slices.Index(words, "--host"); at < 0 || at+1 >= len(words) || words[at+1] != "127.0.0.1" {
					t.Errorf("%s starts a server with %q", f.set.Position(list.Pos()), words)
				}
			}
			return true
		})
	}
	if starters < 2 {
		t.Errorf("only %d places that start a server are found", starters)
	}
}

// Temporary files have names that nobody can guess and are made for the user alone: by os.MkdirTemp and os.CreateTemp, or
// with O_EXCL and a random name in the folder of the output. Nobody puts a name of his own into the shared folder.
func TestTemporaryFiles(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, call := range f.calls("os", "TempDir") {
			if f.path != "internal/output/folder.go" { // looks for what was left, by the pattern of os.MkdirTemp
				t.Errorf("%s: use output.NewFolder", f.set.Position(call.Pos()))
			}
		}
	}
	banned := regexp.MustCompile(`\b(tmpnam|tempnam|mktemp|tmpfile|temp_directory_path)\s*\(|"/tmp/`)
	walk(t, func(path string, text []byte) {
		if strings.Contains(path, "/tests/") || strings.HasSuffix(path, "_test.go") || path == "internal/audit/audit_test.go" {
			return
		}
		if found := banned.Find(text); found != nil {
			t.Errorf("%s has %s", path, found)
		}
	})
}
