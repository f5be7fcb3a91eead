package integration

import (
	"bufio"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ollama/ollama/api"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/modelfile"
)

// Ollama and its runners, when started by tests or the demo, listen only on loopback addresses. They end with the
// program that started them, even if that is killed.
func TestServersAreOurs(t *testing.T) {
	h := patched(t)
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), serveIn+"="+t.TempDir(), "FH_OLLAMA_DIST="+string(h.Prefix))
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	defer parent.Process.Kill()
	var pid int
	var address string
	if _, err := fmt.Fscan(bufio.NewReader(out), &pid, &address); err != nil {
		t.Fatal(err)
	}
	o := &harness.Ollama{Client: api.NewClient(&url.URL{Scheme: "http", Host: address}, http.DefaultClient)}
	m := &modelfile.Modelfile{From: []string{trainedModel}, Template: modelfile.DefaultTemplate}
	if err := modelfile.Register(timeout(t), o.Client, "dense", m, nil); err != nil {
		t.Fatal(err)
	}
	generate(t, o, "dense", prompt, 4)

	servers := group(pid)
	listening := listeners(t, servers)
	if len(servers) < 2 || len(listening) < 2 {
		t.Errorf("processes %v listen at %q, which is not an Ollama with a runner", servers, listening)
	}
	for _, at := range listening {
		// 127.0.0.1, ::1
		if !strings.HasPrefix(at, "0100007F:") && !strings.HasPrefix(at, "00000000000000000000000001000000:") {
			t.Errorf("a server listens at %s", at)
		}
	}

	parent.Process.Kill()
	parent.Wait()
	for begun := time.Now(); len(group(pid)) > 0; time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > 2*time.Minute {
			t.Fatalf("the parent was killed, and %v go on", group(pid))
		}
	}
}

// group returns the processes of a process group that have not ended.
func group(leader int) (pids []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		before, after, _ := strings.Cut(string(stat), " (")
		fields := strings.Fields(after[strings.LastIndex(after, ")")+1:]) // state, parent, group, …
		if len(fields) > 2 && fields[2] == strconv.Itoa(leader) && fields[0] != "Z" && fields[0] != "X" {
			pid, _ := strconv.Atoi(before)
			pids = append(pids, pid)
		}
	}
	return pids
}

// listeners returns the addresses at which processes wait for connections, as the kernel writes them.
func listeners(t *testing.T, pids []int) (addresses []string) {
	t.Helper()
	var sockets []string
	for _, pid := range pids {
		links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil {
				if inode, ok := strings.CutPrefix(target, "socket:["); ok {
					sockets = append(sockets, strings.TrimSuffix(inode, "]"))
				}
			}
		}
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line) // number, local address, remote one, state, …, inode tenth
			if len(f) > 9 && f[3] == "0A" && slices.Contains(sockets, f[9]) {
				addresses = append(addresses, f[1])
			}
		}
	}
	return addresses
}
