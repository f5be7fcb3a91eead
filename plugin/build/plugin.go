package build

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/bundle"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
	"github.com/fh-ollama/fh-ollama/plugin/tree"
)

// Results of a build of the plug-in. Files are in pluginFolder of the prefix.
const (
	pluginFolder   = "lib/flashhead"
	pluginLibrary  = bundle.LibraryName    // the ggml backend
	pluginTool     = installation.ToolName // loads pluginToolCode, beside it
	pluginToolCode = installation.ToolCodeName
)

var (
	pluginTargets     = []string{"ggml-flashhead", "flashhead-tool", pluginTool}
	pluginExports     = []string{"ggml_backend_init", "ggml_backend_score"}
	pluginToolExports = []string{"llama_flashhead_main"}
)

// PluginResult describes a finished build of the plug-in.
type PluginResult struct {
	Prefix        string `json:"-"`
	LlamaCpp      string `json:"llama_cpp"` // commit of the headers
	FHOllama      string `json:"fh_ollama"` // version of the plug-in
	BuildDir      string `json:"-"`
	FilesReplaced int    `json:"-"` // 0 if the prefix was up to date
}

// Plugin builds the plug-in for a stock Ollama from the head's sources and the headers of llama.cpp. It uses the
// Prefix, LlamaCppSource, Jobs, Cache, Version, Program and Strict of opts.
func Plugin(ctx context.Context, opts Options, pins source.Pins, head fs.FS, steps *step.Steps) (PluginResult, error) {
	if err := pluginPlatform(); err != nil {
		return PluginResult{}, err
	}
	b, err := New(opts, pins, tree.Overlay{Head: head}, steps)
	if err != nil {
		return PluginResult{}, err
	}
	opts = b.Options
	err = b.Steps.DoAll(ctx, []step.Named{
		{Name: "tools", Do: b.findPluginTools},
		{Name: "llama.cpp source", Do: b.FetchLlamaCpp},
	})
	if err != nil {
		return PluginResult{}, err
	}
	if err := preparePrefix(opts.Prefix); err != nil {
		return PluginResult{}, err
	}
	err = b.DoIn(ctx, filepath.Join(opts.Cache, "build", b.pluginKey()), []step.Named{
		{Name: "lay sources", Do: b.layPluginSources},
		{Name: "configure", Do: b.configurePlugin},
		{Name: "compile", Do: b.compilePlugin},
		{Name: "check", Do: b.checkPlugin}, // before anything is placed
		{Name: "assemble", Do: b.assemblePlugin},
	})
	return b.pluginResult(), err
}

// pluginPlatform returns an error where the plug-in cannot be built. Ollama loads no backends on macOS. It does on
// Windows, but a library needs ggml's import libraries there, which is untested.
func pluginPlatform() error {
	if runtime.GOOS != "linux" {
		return hint.New("the plug-in is for Linux only", "build an Ollama with FlashHead instead: fh-ollama build")
	}
	return nil
}

func (b *Builder) pluginResult() PluginResult {
	return PluginResult{
		Prefix: b.Options.Prefix, LlamaCpp: b.LlamaCpp.Version, FHOllama: b.Options.Version,
		BuildDir: b.Dir, FilesReplaced: b.result.FilesReplaced,
	}
}

func (b *Builder) findPluginTools(_ context.Context, st *step.Step) (err error) {
	if b.Tools, err = findPluginToolchain(); err != nil {
		return err
	}
	b.noteLauncher(st)
	return nil
}

// pluginKey names the build folder, see Key.
func (b *Builder) pluginKey() string {
	return "plugin-" + Hash(b.LlamaCpp.Dir, b.Tools.CXX.cmake())
}

// pluginSources returns the folder of the plug-in's sources in the build folder.
func (b *Builder) pluginSources() string { return filepath.Join(b.Dir, "flashhead") }

func (b *Builder) layPluginSources(_ context.Context, st *step.Step) error {
	head := tree.Tree{}
	if err := head.Add("", b.Overlay.Head, tree.GoFiles); err != nil {
		return err
	}
	changed, err := head.Sync(b.pluginSources())
	if err != nil {
		return err
	}
	b.treeKey = head.NamesKey()
	st.Note("%s", step.Count(changed, "file changed", "files changed"))
	return nil
}

func (b *Builder) configurePlugin(ctx context.Context, st *step.Step) error {
	args := []string{
		"-S", filepath.Join(b.pluginSources(), "hosts", "plugin"), "-B", b.nativeDir(), "-G", "Ninja",
		"-DCMAKE_BUILD_TYPE=Release",
		"-DCMAKE_MAKE_PROGRAM=" + b.Tools.Ninja,
		"-DLLAMA_CPP_SOURCE=" + b.LlamaCpp.Dir, // headers only, so not copied
		"-DFLASH_HEAD_VERSION=" + b.Options.Version,
	}
	args = slices.Concat(args, compilerArgs("CXX", b.Tools.CXX), b.Options.developerFlags())
	return b.cmake(ctx, st, b.nativeDir(), "configure", args)
}

func (b *Builder) compilePlugin(ctx context.Context, st *step.Step) error {
	return b.ninja(ctx, st, b.nativeDir(), "compile", pluginTargets)
}

// checkPlugin checks what needs no Ollama: symbols, and that the tool starts.
func (b *Builder) checkPlugin(ctx context.Context, st *step.Step) error {
	api, err := ggmlAPI(b.LlamaCpp.Dir)
	if err != nil {
		return err
	}
	for name, exports := range map[string][]string{pluginLibrary: pluginExports, pluginToolCode: pluginToolExports} {
		if err := checkSymbols(b.pluginBinary(name), exports, api); err != nil {
			way := "the sources do not fit the pinned headers: please report it"
			if b.Options.LlamaCppSource != "" {
				way = "the plug-in is for the pinned headers; leave out --llama-cpp-source to use those"
			}
			return hint.Wrap(err, way)
		}
	}
	if _, err := b.runProduct(ctx, b.pluginBinary(pluginTool), "--help"); err != nil {
		return err
	}
	st.Note("symbols fit ggml of llama.cpp %s", b.LlamaCpp.Version)
	return nil
}

func (b *Builder) pluginBinary(name string) string { return filepath.Join(b.nativeDir(), "bin", name) }

func (b *Builder) assemblePlugin(ctx context.Context, st *step.Step) error {
	var products []product
	for _, name := range []string{pluginLibrary, pluginTool, pluginToolCode} {
		products = append(products, product{to: pluginFolder + "/" + name, from: b.pluginBinary(name)})
	}
	// The library contains inline functions of ggml's headers.
	licence := product{to: pluginFolder + "/LLAMA_CPP_LICENSE", from: filepath.Join(b.LlamaCpp.Dir, "LICENSE")}
	products = append(products, licence)
	if b.Options.Program != "" {
		products = append(products, product{to: "bin/fh-ollama", from: b.Options.Program})
	}
	if err := b.place(ctx, st, products, pluginManifest); err != nil {
		return err
	}
	return b.writeManifestFile(pluginManifest, struct {
		PluginResult
		fileList
	}{b.pluginResult(), fileList{b.files}})
}

// CompileGGML compiles ggml and its backend for the CPU.
func (b *Builder) CompileGGML(ctx context.Context, st *step.Step) error {
	return b.ninja(ctx, st, b.nativeDir(), "compile-ggml", []string{"ggml", "ggml-cpu"})
}

// TestOnHost runs the plug-in's own test on library with the host's ggml. Like the plug-in, the test is compiled with
// the headers of the pinned llama.cpp, pin. failed is the test's failure with its output; err says why it did not run.
func (b *Builder) TestOnHost(
	ctx context.Context, st *step.Step, pin source.LlamaCppPin, library string,
) (failed, err error) {
	own := *b
	own.Dir, own.Options.Version = filepath.Join(b.Dir, "plugin"), "0.0.0"
	if own.LlamaCpp, err = source.FetchLlamaCpp(ctx, st, pin, b.Options.Cache); err != nil {
		return nil, err
	}
	if err := own.layPluginSources(ctx, st); err != nil {
		return nil, err
	}
	ggml := filepath.Join(b.nativeDir(), "bin")
	own.extra = []string{"-DFLASH_HEAD_TEST_GGML=" + ggml}
	if err := own.configurePlugin(ctx, st); err != nil {
		return nil, err
	}
	if err := own.ninja(ctx, st, own.nativeDir(), "compile", []string{pluginTest}); err != nil {
		return nil, err
	}
	said, found := own.runProduct(ctx, own.pluginBinary(pluginTest), ggml, library,
		"-m", "a,b", "--model", "c", "-md", "d", "--spec-draft-model", "e") // arguments that the test expects
	if found == nil {
		st.Note("passes")
		return nil, nil
	}
	st.Note("fails")
	return fmt.Errorf("%w\n%s", found, said), ctx.Err()
}

const pluginTest = "test-flash-head-backend"
