package plugin

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
	"golang.org/x/mod/semver"

	"github.com/fh-ollama/fh-ollama/internal/reliance"
)

// HostPin is a release of Ollama to load the plug-in into, and a published llama.cpp for it.
type HostPin struct {
	Version  string      `toml:"version"` // of Ollama, with the leading v
	Sum      string      `toml:"sum"`     // of its module
	Wants    string      `toml:"wants"`   // build of llama.cpp that the release is made from
	LlamaCpp LlamaCppPin `toml:"llama_cpp"`
}

// Distance is how many builds the llama.cpp here is after the one that the release is made from.
func (p HostPin) Distance() int {
	return atoi(strings.TrimPrefix(p.LlamaCpp.Commit, "b")) - atoi(strings.TrimPrefix(p.Wants, "b"))
}

var buildPattern = regexp.MustCompile(`^b\d+$`)

// ParseHosts reads the TOML of third_party/hosts.toml. Every key must be present, well formed and known.
func ParseHosts(data []byte) ([]HostPin, error) {
	var list struct {
		Host []HostPin `toml:"host"`
	}
	meta, err := toml.Decode(string(data), &list)
	if err != nil {
		return nil, fmt.Errorf("hosts: %w", err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("hosts: unknown key %s", unknown[0])
	}
	if len(list.Host) == 0 {
		return nil, fmt.Errorf("hosts: none")
	}
	for i, h := range list.Host {
		for _, f := range []struct {
			key, value string
			ok         bool
		}{
			{"version", h.Version, semver.IsValid(h.Version)},
			{"sum", h.Sum, sumPattern.MatchString(h.Sum)},
			{"wants", h.Wants, buildPattern.MatchString(h.Wants)},
			{"llama_cpp.package", h.LlamaCpp.Package, h.LlamaCpp.Package != ""},
			{"llama_cpp.version", h.LlamaCpp.Version, h.LlamaCpp.Version != ""},
			{"llama_cpp.file", h.LlamaCpp.File, h.LlamaCpp.File != "" && h.LlamaCpp.File == path.Base(h.LlamaCpp.File)},
			{"llama_cpp.sha256", h.LlamaCpp.SHA256, sha256Pattern.MatchString(h.LlamaCpp.SHA256)},
			{"llama_cpp.subdir", h.LlamaCpp.Subdir, h.LlamaCpp.Subdir != "" && h.LlamaCpp.Subdir == path.Clean(h.LlamaCpp.Subdir)},
			{"llama_cpp.commit", h.LlamaCpp.Commit, buildPattern.MatchString(h.LlamaCpp.Commit)},
			{"llama_cpp.ggml", h.LlamaCpp.GGML, semver.IsValid("v" + h.LlamaCpp.GGML)},
		} {
			if !f.ok {
				return nil, fmt.Errorf("hosts: %s of entry %d is missing or malformed: %q", f.key, i+1, f.value)
			}
		}
	}
	return list.Host, nil
}

// HostOptions says how a host is built.
type HostOptions struct {
	Own     Pins   // of this repository
	Plugin  string // path of the library to test; "" tests none
	Ollama  bool   // build llama-server and Ollama too, not only ggml
	Jobs    int    // parallel compilers: the number of processors
	Cache   string // downloads and build folders: DefaultCache()
	Overlay Overlay
}

// HostBuild is what BuildHost made and found.
type HostBuild struct {
	Prefix  string             // with bin/ollama and lib/ollama, if Ollama was asked for
	GGML    string             // version that its sources name
	Relied  int                // things that the plug-in relies on
	Changed []reliance.Finding // those that are otherwise in the sources of this host
	Test    error              // of the plug-in's own test on this host's ggml
}

// BuildHost builds the ggml of a release of Ollama for the CPU, lets the plug-in's own test run on it, and compares the
// sources with what the plug-in relies on; on demand it builds the whole Ollama, to load the plug-in into. The result is
// for tests on this machine: it has no licences to pass it on.
func BuildHost(ctx context.Context, pin HostPin, host HostOptions, steps *Steps) (HostBuild, error) {
	opts, err := Options{Stock: true, Backends: []string{BackendCPU}, Jobs: host.Jobs, Cache: host.Cache}.withDefaults()
	if err != nil {
		return HostBuild{}, err
	}
	opts.Prefix = filepath.Join(opts.Cache, "hosts", pin.Version)
	if err := makeCache(opts.Cache); err != nil {
		return HostBuild{}, err
	}
	pins := Pins{Ollama: OllamaPin{Module: host.Own.Ollama.Module, Version: pin.Version, Sum: pin.Sum}, LlamaCpp: pin.LlamaCpp}
	b := &build{opts: opts, pins: pins, overlay: host.Overlay, steps: steps}
	err = b.do(ctx, []namedStep{
		{"tools", b.findTools},
		{"ollama source", b.fetchOllama},
		{"llama.cpp source", b.fetchLlamaCpp},
	})
	if err != nil {
		return HostBuild{}, err
	}
	made := HostBuild{Prefix: opts.Prefix, GGML: ggmlOf(b.llamaCpp.dir)}
	if made.Relied, made.Changed, err = b.compareHost(); err != nil {
		return HostBuild{}, err
	}
	b.dir = filepath.Join(opts.Cache, "build", b.key())
	unlock, err := b.lock()
	if err != nil {
		return HostBuild{}, err
	}
	defer unlock()
	todo := []namedStep{
		{"lay sources", b.laySources},
		{"configure", b.configure},
		{"compile ggml", b.compileGGML},
	}
	if host.Plugin != "" {
		todo = append(todo, namedStep{"test of the plug-in", func(ctx context.Context, st *Step) (err error) {
			made.Test, err = b.testOnHost(ctx, st, host)
			return err
		}})
	}
	if host.Ollama {
		todo = append(todo,
			namedStep{"compile llama.cpp", b.compileServer},
			namedStep{"compile ollama", b.compileOllama},
			namedStep{"assemble", b.assembleHost})
	}
	return made, b.do(ctx, todo)
}

const serverTarget = "llama-server"

// compileGGML compiles ggml and its backend for the CPU.
func (b *build) compileGGML(ctx context.Context, st *Step) error {
	return b.ninja(ctx, st, b.nativeDir(), "compile-ggml", []string{"ggml", "ggml-cpu"}, "OLLAMA_LLAMA_CPP_SOURCE="+b.llamaTree())
}

// compileServer compiles llama-server.
func (b *build) compileServer(ctx context.Context, st *Step) error {
	return b.ninja(ctx, st, b.nativeDir(), "compile-llama.cpp", []string{serverTarget}, "OLLAMA_LLAMA_CPP_SOURCE="+b.llamaTree())
}

// testOnHost runs the plug-in's own test with the host's ggml. The test is compiled, as the plug-in was, with the headers
// of the pinned llama.cpp. The first error is of a test that fails, with what it said, the second of what kept it from being run.
func (b *build) testOnHost(ctx context.Context, st *Step, host HostOptions) (_, err error) {
	own := *b
	own.dir, own.opts.Version = filepath.Join(b.dir, "plugin"), "0.0.0"
	if own.llamaCpp, err = fetchLlamaCpp(ctx, st, host.Own.LlamaCpp, b.opts.Cache); err != nil {
		return nil, err
	}
	if err := own.layPluginSources(ctx, st); err != nil {
		return nil, err
	}
	ggml := filepath.Join(b.nativeDir(), "bin")
	if err := own.configurePluginFor(ctx, st, "-DFLASH_HEAD_TEST_GGML="+ggml); err != nil {
		return nil, err
	}
	if err := own.ninja(ctx, st, own.nativeDir(), "compile", []string{pluginTest}); err != nil {
		return nil, err
	}
	said, found := own.runProduct(ctx, own.pluginBinary(pluginTest), ggml, host.Plugin,
		"-m", "a,b", "--model", "c", "-md", "d", "--spec-draft-model", "e") // arguments that the test expects to find
	if found == nil {
		st.Note("passes")
		return nil, nil
	}
	st.Note("fails")
	return fmt.Errorf("%w\n%s", found, said), ctx.Err()
}

const pluginTest = "test-flash-head-backend"

// assembleHost puts the programs and libraries where a release has them.
func (b *build) assembleHost(_ context.Context, st *Step) error {
	list := []product{{to: "bin/ollama", from: b.ollamaProgram()}}
	bin := filepath.Join(b.nativeDir(), "bin")
	entries, err := os.ReadDir(bin)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != serverTarget && !library.MatchString(e.Name()) {
			continue
		}
		p, err := newProduct("lib/ollama/"+e.Name(), filepath.Join(bin, e.Name()), e.Type()&fs.ModeSymlink != 0)
		if err != nil {
			return err
		}
		list = append(list, p)
	}
	for _, p := range list {
		if _, err := install(p, filepath.Join(b.opts.Prefix, filepath.FromSlash(p.to))); err != nil {
			return err
		}
	}
	st.Note("%s", b.opts.Prefix)
	return nil
}

// compareHost compares what the plug-in relies on with the sources of a host as they come. It returns the number of
// things compared and those that are not as they were.
func (b *build) compareHost() (compared int, changed []reliance.Finding, err error) {
	items, err := b.overlay.reliances()
	if err != nil {
		return 0, nil, err
	}
	checker := reliance.NewChecker(map[string]fs.FS{"ollama": os.DirFS(b.ollama.dir), "llama.cpp": os.DirFS(b.llamaCpp.dir)})
	for _, item := range items {
		if item.For != reliancePlugin {
			continue
		}
		f, err := checker.Check(item)
		if err != nil {
			return 0, nil, err
		}
		compared++
		if f.State != reliance.OK {
			changed = append(changed, f)
		}
	}
	return compared, changed, nil
}
