package plugin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// What a build of the plug-in makes, in pluginFolder of the prefix.
const (
	pluginFolder   = "lib/flashhead"
	pluginLibrary  = "libggml-flashhead.so" // the ggml backend
	pluginTool     = "llama-flashhead"      // loads the next, beside it
	pluginToolCode = "libflashhead-tool.so"
)

var (
	pluginTargets     = []string{"ggml-flashhead", "flashhead-tool", "llama-flashhead"}
	pluginExports     = []string{"ggml_backend_init", "ggml_backend_score"}
	pluginToolExports = []string{"llama_flashhead_main"}
)

// PluginResult describes a finished build of the plug-in.
type PluginResult struct {
	Prefix        string `json:"-"`
	LlamaCpp      string `json:"llama_cpp"` // commit of the headers
	FHOllama      string `json:"fh_ollama"` // version of the plug-in, and of the builder
	BuildDir      string `json:"-"`
	FilesReplaced int    `json:"-"` // 0 if the prefix was up to date
}

// BuildPlugin builds the plug-in for a stock Ollama from the head's sources and the headers of llama.cpp, of which
// nothing is built. Of opts it uses Prefix, LlamaCppSource, Jobs, Cache, Version, Program and Strict. The display of
// steps goes to steps.
func BuildPlugin(ctx context.Context, opts Options, pins Pins, head fs.FS, steps *Steps) (PluginResult, error) {
	if err := pluginPlatform(); err != nil {
		return PluginResult{}, err
	}
	opts, err := opts.withDefaults()
	if err != nil {
		return PluginResult{}, err
	}
	if err := makeCache(opts.Cache); err != nil {
		return PluginResult{}, err
	}
	b := &build{opts: opts, pins: pins, overlay: Overlay{Head: head}, steps: steps}
	err = b.do(ctx, []namedStep{
		{"tools", b.findPluginTools},
		{"llama.cpp source", b.fetchLlamaCpp},
	})
	if err != nil {
		return PluginResult{}, err
	}
	if err := preparePrefix(opts.Prefix); err != nil {
		return PluginResult{}, err
	}
	b.dir = filepath.Join(opts.Cache, "build", b.pluginKey())
	unlock, err := b.lock()
	if err != nil {
		return PluginResult{}, err
	}
	defer unlock()
	err = b.do(ctx, b.strict([]namedStep{
		{"lay sources", b.layPluginSources},
		{"configure", b.configurePlugin},
		{"compile", b.compilePlugin},
		{"check", b.checkPlugin}, // first, so that nothing is placed that no Ollama could load
		{"assemble", b.assemblePlugin},
	}))
	return b.pluginResult(), err
}

func (b *build) pluginResult() PluginResult {
	return PluginResult{
		Prefix: b.opts.Prefix, LlamaCpp: b.llamaCpp.version, FHOllama: b.opts.Version,
		BuildDir: b.dir, FilesReplaced: b.result.FilesReplaced,
	}
}

func (b *build) findPluginTools(_ context.Context, st *Step) (err error) {
	if b.tools, err = findPluginToolchain(); err != nil {
		return err
	}
	b.noteLauncher(st)
	return nil
}

// pluginKey names the build folder; see key.
func (b *build) pluginKey() string {
	data, _ := json.Marshal([]any{b.llamaCpp.dir, b.tools.CXX.cmake()})
	sum := sha256.Sum256(data)
	return "plugin-" + hex.EncodeToString(sum[:6])
}

func (b *build) pluginSources() string { return filepath.Join(b.dir, "flashhead") }

func (b *build) layPluginSources(_ context.Context, st *Step) error {
	tree := Tree{}
	if err := tree.Add("", b.overlay.Head, goFiles); err != nil {
		return err
	}
	stats, err := tree.Sync(b.pluginSources())
	if err != nil {
		return err
	}
	b.treeKey = tree.namesKey()
	st.Note("%s", count(stats.Written+stats.Removed, "file changed", "files changed"))
	return nil
}

func (b *build) configurePlugin(ctx context.Context, st *Step) error {
	return b.configurePluginFor(ctx, st)
}

// configurePluginFor is configurePlugin with more options.
func (b *build) configurePluginFor(ctx context.Context, st *Step, options ...string) error {
	args := []string{
		"-S", filepath.Join(b.pluginSources(), "plugin"), "-B", b.nativeDir(), "-G", "Ninja",
		"-DCMAKE_BUILD_TYPE=Release",
		"-DCMAKE_MAKE_PROGRAM=" + b.tools.Ninja,
		"-DLLAMA_CPP_SOURCE=" + b.llamaCpp.dir, // headers only: not copied
		"-DFLASH_HEAD_VERSION=" + b.opts.Version,
	}
	args = append(args, compilerArgs("CXX", b.tools.CXX)...)
	return b.cmake(ctx, st, b.nativeDir(), "configure", append(args, options...))
}

func (b *build) compilePlugin(ctx context.Context, st *Step) error {
	return b.ninja(ctx, st, b.nativeDir(), "compile", pluginTargets)
}

// checkPlugin checks what can be checked without an Ollama to load it.
func (b *build) checkPlugin(ctx context.Context, st *Step) error {
	api, err := ggmlAPI(b.llamaCpp.dir)
	if err != nil {
		return err
	}
	for name, exports := range map[string][]string{pluginLibrary: pluginExports, pluginToolCode: pluginToolExports} {
		if err := checkSymbols(b.pluginBinary(name), exports, api); err != nil {
			way := "the pinned headers and the sources of this version do not fit: please report it"
			if b.opts.LlamaCppSource != "" {
				way = "the plug-in was written for other headers; leave out --llama-cpp-source to use the pinned ones"
			}
			return hint.Wrap(err, way)
		}
	}
	if _, err := b.runProduct(ctx, b.pluginBinary(pluginTool), "--help"); err != nil {
		return err
	}
	st.Note("symbols fit ggml of llama.cpp %s", b.llamaCpp.version)
	return nil
}

func (b *build) pluginBinary(name string) string { return filepath.Join(b.nativeDir(), "bin", name) }

func (b *build) assemblePlugin(ctx context.Context, st *Step) error {
	var products []product
	for _, name := range []string{pluginLibrary, pluginTool, pluginToolCode} {
		products = append(products, product{to: pluginFolder + "/" + name, from: b.pluginBinary(name)})
	}
	// Inline functions of ggml's headers are in the library.
	products = append(products, product{to: pluginFolder + "/LLAMA_CPP_LICENSE", from: filepath.Join(b.llamaCpp.dir, "LICENSE")})
	if b.opts.Program != "" {
		products = append(products, product{to: "bin/fh-ollama", from: b.opts.Program})
	}
	if err := b.place(ctx, st, products, pluginManifest); err != nil {
		return err
	}
	return b.writeManifestFile(pluginManifest, struct {
		PluginResult
		fileList
	}{b.pluginResult(), fileList{b.files}})
}
