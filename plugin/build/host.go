package build

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/plugin/source"
	"github.com/fh-ollama/fh-ollama/plugin/step"
)

// CompileGGML compiles ggml and its backend for the CPU.
func (b *Builder) CompileGGML(ctx context.Context, st *step.Step) error {
	return b.ninja(ctx, st, b.NativeDir(), "compile-ggml", []string{"ggml", "ggml-cpu"})
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
	ggml := filepath.Join(b.NativeDir(), "bin")
	own.extra = []string{"-DFLASH_HEAD_TEST_GGML=" + ggml}
	if err := own.configurePlugin(ctx, st); err != nil {
		return nil, err
	}
	if err := own.ninja(ctx, st, own.NativeDir(), "compile", []string{pluginTest}); err != nil {
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
