package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/vllm/vllmtest"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"fh-ollama": func() { os.Exit(run(os.Args, os.Stdout, os.Stderr)) },
	})
}

// TestScript runs the scripts in testdata/script: the command line as a user sees it. In a script
//   - $BIN is a folder with only the program under test, for a PATH with nothing else,
//   - $MODEL is the small trained model,
//   - FH_OLLAMA_LIB names the build's native programs; scripts that need them begin with `[short] skip`,
//   - FH_OLLAMA_CACHE is a folder for this script,
//   - $FH_OLLAMA_ROOT, which is $WORK/root, replaces this machine's Ollamas, services and processes.
func TestScript(t *testing.T) {
	program, err := exec.LookPath("fh-ollama")
	if err != nil {
		t.Fatal(err)
	}
	model, err := filepath.Abs("../../integration/testdata/fh-demo-12m-q8_0.gguf")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("BIN", filepath.Dir(program))
			env.Setenv("MODEL", model)
			env.Setenv("FH_OLLAMA_LIB", nativeDir(t))
			env.Setenv("FH_OLLAMA_CACHE", filepath.Join(env.WorkDir, ".tmp", "cache"))
			env.Setenv("FH_OLLAMA_ROOT", filepath.Join(env.WorkDir, "root"))
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, errors.New("unknown condition " + name)
			}
			return os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"assets": assets, "exits": exits, "gguf": writeModel, "map": writeMap,
			"serve": serve, "model": addModel, "load": loadModel, "forget": forgetModel,
		},
	})
}

// nativeDir returns the absolute path of the build's native programs.
func nativeDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("FH_OLLAMA_LIB")
	if dir == "" {
		dir = "../../dist/lib/ollama"
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// assets is the script command `assets CONVERTED.gguf DIR`: it writes a file's clusters in the format for vLLM.
func assets(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(vllmtest.Export(context.Background(), ts.MkAbs(args[0]), ts.MkAbs(args[1]), ts.Getenv("FH_OLLAMA_LIB")))
}

// exits is the script command `exits CODE PROGRAM [ARGUMENT…]`: like exec, but the program must exit with CODE.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
