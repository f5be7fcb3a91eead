package build

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

const serverTarget = "llama-server"

// CompileGGML compiles ggml and its backend for the CPU.
func (b *Builder) CompileGGML(ctx context.Context, st *step.Step) error {
	return b.ninja(ctx, st, b.NativeDir(), "compile-ggml", []string{"ggml", "ggml-cpu"}, "OLLAMA_LLAMA_CPP_SOURCE="+b.LlamaTree())
}

// CompileServer compiles llama-server.
func (b *Builder) CompileServer(ctx context.Context, st *step.Step) error {
	return b.ninja(ctx, st, b.NativeDir(), "compile-llama.cpp", []string{serverTarget}, "OLLAMA_LLAMA_CPP_SOURCE="+b.LlamaTree())
}

// TestOnHost runs the plug-in's own test with the host's ggml. The test is compiled, as the plug-in was, with the headers
// of the pinned llama.cpp. The first error is of a test that fails, with what it said, the second of what kept it from being run.
func (b *Builder) TestOnHost(ctx context.Context, st *step.Step, pin source.LlamaCppPin, library string) (_, err error) {
	own := *b
	own.Dir, own.Options.Version = filepath.Join(b.Dir, "plugin"), "0.0.0"
	if own.LlamaCpp, err = source.FetchLlamaCpp(ctx, st, pin, b.Options.Cache); err != nil {
		return nil, err
	}
	if err := own.LayPluginSources(ctx, st); err != nil {
		return nil, err
	}
	ggml := filepath.Join(b.NativeDir(), "bin")
	if err := own.configurePluginFor(ctx, st, "-DFLASH_HEAD_TEST_GGML="+ggml); err != nil {
		return nil, err
	}
	if err := own.ninja(ctx, st, own.NativeDir(), "compile", []string{pluginTest}); err != nil {
		return nil, err
	}
	said, found := own.runProduct(ctx, own.pluginBinary(pluginTest), ggml, library,
		"-m", "a,b", "--model", "c", "-md", "d", "--spec-draft-model", "e") // arguments that the test expects to find
	if found == nil {
		st.Note("passes")
		return nil, nil
	}
	st.Note("fails")
	return fmt.Errorf("%w\n%s", found, said), ctx.Err()
}

const pluginTest = "test-flash-head-backend"

// AssembleHost puts the programs and libraries where a release has them.
func (b *Builder) AssembleHost(_ context.Context, st *step.Step) error {
	list := []product{{to: "bin/ollama", from: b.ollamaProgram()}}
	bin := filepath.Join(b.NativeDir(), "bin")
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
		if _, err := install(p, b.inPrefix(p.to)); err != nil {
			return err
		}
	}
	st.Note("%s", b.Options.Prefix)
	return nil
}
