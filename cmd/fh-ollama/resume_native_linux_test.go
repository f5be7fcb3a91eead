package main

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestResume ends a conversion several times in the middle, by kill -9 and by Ctrl-C's signal, and runs the same command
// again: each goes on from where the one before was, the file is at last that of a conversion which nobody interrupted, and
// nothing else is left. --restart begins anew.
func TestResume(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the native tool")
	}
	const model = "../../integration/testdata/fh-demo-12m-q8_0.gguf"
	source := read(t, model)
	out, cache := t.TempDir(), t.TempDir()
	checkpoints := filepath.Join(cache, "checkpoints")
	convert := func(name string, flags ...string) (*exec.Cmd, *bytes.Buffer) {
		args := []string{"convert", model, "-o", filepath.Join(out, name), "--lib", nativeDir(t), "--cluster-size", "64", "--iterations", "30"}
		cmd := exec.Command("fh-ollama", append(args, flags...)...)
		cmd.Env = append(os.Environ(), "FH_OLLAMA_CACHE="+cache)
		said := new(bytes.Buffer)
		cmd.Stderr = said
		return cmd, said
	}
	plain, said := convert("plain.gguf")
	if err := plain.Run(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if left := folder(t, checkpoints); len(left) != 0 {
		t.Errorf("a finished conversion leaves %q", left)
	}

	for round, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT, syscall.SIGKILL} {
		cmd, said := convert("out.gguf")
		before := settled(checkpoints)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for begun := time.Now(); newest(checkpoints).Equal(before); time.Sleep(time.Millisecond) {
			if time.Since(begun) > time.Minute {
				cmd.Process.Kill()
				t.Fatalf("round %d: there is no checkpoint: %s", round, said)
			}
		}
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
		cmd.Process.Signal(signal)
		if err := cmd.Wait(); err == nil {
			t.Fatalf("round %d: it ended before it was interrupted", round)
		}
		if resumed := strings.Contains(said.String(), "resuming at iteration "); resumed != (round > 0) {
			t.Errorf("round %d said %q", round, said)
		}
		if signal == syscall.SIGINT && !strings.HasSuffix(said.String(), "\nfh-ollama: interrupted\n  run the same command again: "+
			"it goes on after the last round of clustering that was saved, if one was\n") {
			t.Errorf("round %d does not say that it goes on: %q", round, said)
		}
		if _, err := os.Stat(filepath.Join(out, "out.gguf")); err == nil {
			t.Errorf("round %d: the output is there", round)
		}
	}

	anew, said := convert("anew.gguf", "--restart")
	saved := read(t, filepath.Join(checkpoints, folder(t, checkpoints)[0]))
	path := filepath.Join(checkpoints, folder(t, checkpoints)[0])
	if err := anew.Run(); err != nil || strings.Contains(said.String(), "resuming") {
		t.Errorf("--restart: %v, and it said %q", err, said)
	}
	if err := os.WriteFile(path, saved, 0o666); err != nil {
		t.Fatal(err)
	}
	last, said := convert("out.gguf")
	if err := last.Run(); err != nil || !strings.Contains(said.String(), "resuming at iteration ") {
		t.Fatalf("%v: it said %q", err, said)
	}
	want := read(t, filepath.Join(out, "plain.gguf"))
	for _, name := range []string{"out.gguf", "anew.gguf"} {
		if !bytes.Equal(want, read(t, filepath.Join(out, name))) {
			t.Errorf("%s is another file than one that was converted without interruption", name)
		}
	}
	if got := strings.Join(folder(t, out), " "); got != "anew.gguf out.gguf plain.gguf" {
		t.Errorf("in the folder of the outputs are %s", got)
	}
	if left := folder(t, checkpoints); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
	if !bytes.Equal(source, read(t, model)) {
		t.Error("the source changed")
	}
}

// settled is newest once nothing changes any more: the native tool of a killed conversion may be just writing.
func settled(dir string) time.Time {
	last := newest(dir)
	for quiet := time.Now(); time.Since(quiet) < 100*time.Millisecond; time.Sleep(10 * time.Millisecond) {
		if now := newest(dir); !now.Equal(last) {
			last, quiet = now, time.Now()
		}
	}
	return last
}

// newest returns when a file of dir changed last.
func newest(dir string) time.Time {
	var last time.Time
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.ModTime().After(last) && !strings.HasSuffix(e.Name(), ".part") {
			last = info.ModTime()
		}
	}
	return last
}
