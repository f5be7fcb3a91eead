package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fh-ollama/fh-ollama/plugin/build"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// object is the object file that ninja makes from one source for one target.
type object struct {
	File   string `json:"file"`
	Output string `json:"output"`
}

var (
	ninjaFailed   = regexp.MustCompile(`^FAILED: (?:\[code=\d+\] )?(\S+)`)
	compilerError = regexp.MustCompile(`(?:fatal )?error: (.*)`)
)

// maxDetail is how many bytes of a tool's message are shown.
const maxDetail = 240

func (c *check) tryConfigure(ctx context.Context, st *step.Step) error {
	err := c.row(c.Configure(ctx, st), Row{Part: "compile", Item: "CMake", Where: "ollama/llama/server"}, &c.configured)
	if err == nil && !c.configured {
		st.Note("fails")
	}
	return err
}

// row adds row with the outcome of a command and sets ok. It returns only errors that are not of the command itself.
func (c *check) row(err error, row Row, ok *bool) error {
	var failed *step.CommandError
	switch {
	case err == nil:
		row.State = "ok"
	case errors.As(err, &failed):
		row.State, row.Failed, row.Detail = "fails", true, firstError(failed.Tail)+"; log: "+failed.Log
	default:
		return err
	}
	*ok = !row.Failed
	c.report.add(row)
	return nil
}

// firstError finds the first error message in the last lines of an output.
func firstError(lines []string) string {
	for i, line := range lines {
		if m := compilerError.FindString(line); m != "" {
			return shorten(line)
		}
		if strings.Contains(line, "CMake Error") {
			return shorten(strings.Join(strings.Fields(strings.Join(lines[i:], " ")), " "))
		}
	}
	return shorten(strings.Join(lines[max(0, len(lines)-1):], " "))
}

func shorten(text string) string {
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + "…"
	}
	return text
}

// tryCompile compiles patched files, the head's sources, and Ollama's files that go into llama.cpp.
func (c *check) tryCompile(ctx context.Context, st *step.Step) error {
	if !c.configured {
		c.report.add(Row{Part: "compile", Where: "llama.cpp", State: "not tried", Detail: "CMake failed", Failed: true})
		st.Note("not tried")
		return nil
	}
	wanted := map[string]string{} // path to the name in the report
	for _, name := range c.staged.Names() {
		if strings.HasPrefix(name, "flashhead/") {
			wanted[filepath.Join(c.LlamaTree(), filepath.FromSlash(name))] = "llama.cpp/" + name
		}
	}
	for _, name := range c.touched() {
		wanted[filepath.Join(c.LlamaTree(), filepath.FromSlash(name))] = "llama.cpp/" + name
	}
	inCompat := filepath.Join(c.OllamaTree(), "llama", "compat") + string(filepath.Separator)
	objects, err := c.objects(ctx)
	if err != nil {
		return err
	}
	objects = slices.DeleteFunc(objects, func(o object) bool {
		if rest, ok := strings.CutPrefix(o.File, inCompat); ok {
			wanted[o.File] = "ollama/llama/compat/" + filepath.ToSlash(rest)
		}
		return wanted[o.File] == ""
	})
	if err := c.compileObjects(ctx, st, "compile", wanted, objects); err != nil {
		return err
	}
	for _, name := range c.touched() {
		if path.Dir(name) == "ggml/include" {
			if err := c.tryHeader(ctx, name); err != nil {
				return err
			}
		}
	}
	for _, name := range c.touchedUncompiled(objects) {
		c.report.add(Row{Part: "compile", Where: "llama.cpp/" + name, State: "not compiled",
			Detail: "needs a GPU compiler"})
	}
	st.Note("%s", c.report.lastPart("compile"))
	return nil
}

// objects asks ninja what its build folder compiles.
func (c *check) objects(ctx context.Context) (list []object, err error) {
	var out bytes.Buffer
	err = step.Command{
		Path: c.Tools.Ninja, Args: []string{"-C", c.NativeDir(), "-t", "compdb"}, Dir: c.Dir,
		Log: c.Log("compdb"), Stdout: &out,
	}.Run(ctx)
	if err != nil {
		return nil, err
	}
	text := out.Bytes()
	if begin := bytes.IndexByte(text, '['); begin > 0 { // ninja prints the folder first
		text = text[begin:]
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("ninja -t compdb: %w", err)
	}
	endings := []string{".o", ".obj"}
	return slices.DeleteFunc(list, func(o object) bool { return !slices.Contains(endings, path.Ext(o.Output)) }), nil
}

// compileObjects compiles all objects, even after errors, and adds a row for each source.
func (c *check) compileObjects(
	ctx context.Context, st *step.Step, part string, names map[string]string, objects []object,
) error {
	failed, last := map[string]string{}, "" // first error of each object; the object of the current lines
	args := []string{"-C", c.NativeDir(), "-k", "0", "-j", strconv.Itoa(c.Builder.Options.Jobs)}
	for _, o := range objects {
		args = append(args, o.Output)
	}
	err := step.Command{
		Path: c.Tools.Ninja, Args: args, Dir: c.Dir, Log: c.Log(part), Env: append(c.Environment(), "NINJA_STATUS=[%f/%t] "),
		OnLine: func(line string) {
			if m := build.NinjaProgress.FindStringSubmatch(line); m != nil {
				last = ""
				done, _ := strconv.Atoi(m[1])
				total, _ := strconv.Atoi(m[2])
				st.Progress(done, total)
			} else if m := ninjaFailed.FindStringSubmatch(line); m != nil {
				last = m[1]
				failed[last] = "see " + c.Log(part)
			} else if last != "" && compilerError.MatchString(line) {
				failed[last], last = shorten(line), ""
			}
		},
	}.Run(ctx)
	var stopped *step.CommandError
	if err != nil && !errors.As(err, &stopped) {
		return err
	}
	if err != nil && len(failed) == 0 { // no compiler failed
		failed["ninja"] = firstError(stopped.Tail)
		c.report.add(Row{Part: part, Where: "llama.cpp", State: "fails", Detail: failed["ninja"], Failed: true})
		return nil
	}
	rows := map[string]*Row{}
	for _, o := range objects {
		row := rows[o.File]
		if row == nil {
			row = &Row{Part: part, Where: names[o.File], State: "ok"}
			rows[o.File] = row
		}
		if detail, ok := failed[o.Output]; ok && !row.Failed {
			row.State, row.Failed = "fails", true
			row.Detail = strings.ReplaceAll(detail, c.Dir+string(filepath.Separator), "")
		}
	}
	files := make([]string, 0, len(rows))
	for name := range rows {
		files = append(files, name)
	}
	slices.Sort(files)
	for _, name := range files {
		c.report.add(*rows[name])
	}
	return nil
}

// tryHeader compiles a public header alone, because no source of this build may include it.
func (c *check) tryHeader(ctx context.Context, name string) error {
	tree := c.LlamaTree()
	err := step.Command{
		Path: c.Tools.CXX.Path, Dir: c.Dir, Log: c.Log("header-" + path.Base(name)),
		Args: append(slices.Clone(c.Tools.CXX.Args), "-std=c++17", "-fsyntax-only", "-x", "c++", "-I",
			filepath.Join(tree, "ggml", "include"),
			"-I", filepath.Join(tree, "flashhead", "ggml", "op"), filepath.Join(tree, filepath.FromSlash(name))),
	}.Run(ctx)
	var ok bool
	return c.row(err, Row{Part: "compile", Item: "alone", Where: "llama.cpp/" + name}, &ok)
}

// touchedUncompiled returns the patched sources that were not compiled, such as GPU kernels.
func (c *check) touchedUncompiled(objects []object) (names []string) {
	sources := []string{".c", ".cc", ".cpp", ".cu", ".m", ".metal"}
	for _, name := range c.touched() {
		file := filepath.Join(c.LlamaTree(), filepath.FromSlash(name))
		compiled := slices.ContainsFunc(objects, func(o object) bool { return o.File == file })
		if slices.Contains(sources, path.Ext(name)) && !compiled {
			names = append(names, name)
		}
	}
	return names
}

// tryPlugin compiles the plug-in with the unpatched headers, and checks its symbols.
func (c *check) tryPlugin(ctx context.Context, st *step.Step) error {
	const part = "plug-in"
	if err := build.PluginPlatform(); err != nil {
		c.report.add(Row{Part: part, Where: "ggmlhead/hosts/plugin", State: "not tried", Detail: err.Error()})
		return nil
	}
	plugin := *c.Builder
	plugin.Dir = filepath.Join(c.Dir, "plugin")
	plugin.Options.Version = "0.0.0"
	p := &check{Builder: &plugin, opts: c.opts}
	if err := p.LayPluginSources(ctx, st); err != nil {
		return err
	}
	err := c.row(p.ConfigurePlugin(ctx, st), Row{Part: part, Item: "CMake", Where: "ggmlhead/hosts/plugin"}, &p.configured)
	if err != nil || !p.configured {
		return err
	}
	objects, err := p.objects(ctx)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, o := range objects {
		name, _ := filepath.Rel(p.PluginSources(), o.File)
		names[o.File] = "ggmlhead/" + filepath.ToSlash(name)
	}
	if err := p.compileObjects(ctx, st, part, names, objects); err != nil {
		return err
	}
	row := Row{Part: part, Item: "its symbols are ggml's", Where: "ggmlhead/hosts/plugin", State: "ok"}
	switch {
	case len(p.report.Failures()) > 0:
		row.State, row.Detail = "not tried", "it does not compile"
	default:
		if err := p.CompilePlugin(ctx, st); err != nil {
			row.State, row.Failed, row.Detail = "fails", true, err.Error()
		} else if err := p.CheckPlugin(ctx, st); err != nil {
			row.State, row.Failed, row.Detail = "fails", true, err.Error()
		}
	}
	c.report.Rows = append(c.report.Rows, p.report.Rows...)
	c.report.add(row)
	st.Note("%s", c.report.lastPart(part))
	return ctx.Err()
}
