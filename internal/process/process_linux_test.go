package process

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// In the processes of begin this is a program that starts another and waits to be killed.
func TestMain(m *testing.M) {
	switch os.Getenv("PROCESS_TEST") {
	case "server":
		p, err := Start(exec.Command("sleep", "1000"))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(p.PID())
		time.Sleep(time.Hour)
	case "tool":
		cmd := exec.Command("sleep", "1000")
		EndWithParent(cmd)
		if err := cmd.Start(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(cmd.Process.Pid)
		time.Sleep(time.Hour)
	case "stubborn": // ends only when it is killed, and so does its child
		signal.Ignore(syscall.SIGTERM)
		child := exec.Command("sleep", "1000")
		if err := child.Start(); err != nil {
			os.Exit(1)
		}
		fmt.Println(child.Process.Pid)
		time.Sleep(time.Hour)
	}
	os.Exit(m.Run())
}

// begin prepares this test program in a role of TestMain.
func begin(role string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PROCESS_TEST="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// runs reports whether the process exists and has not ended.
func runs(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	_, state, found := strings.Cut(string(stat), ") ")
	return err == nil && found && !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X")
}

func waitForEnd(t *testing.T, pid int) {
	t.Helper()
	for begun := time.Now(); runs(pid); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > 2*time.Minute {
			syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the child still runs")
		}
	}
}

// Servers and tools end with the killed program that started them.
func TestKilledParent(t *testing.T) {
	for _, role := range []string{"server", "tool"} {
		t.Run(role, func(t *testing.T) {
			parent := begin(role)
			out, err := parent.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			line, _ := bufio.NewReader(out).ReadString('\n')
			pid, err := strconv.Atoi(strings.TrimSpace(line))
			if err != nil || !runs(pid) {
				t.Fatalf("%q: %v", line, err)
			}
			parent.Process.Kill()
			parent.Wait()
			waitForEnd(t, pid)
		})
	}
}

// Stop ends a program that ignores SIGTERM, and its child.
func TestStopStubborn(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a program to end by itself")
	}
	cmd := begin("stubborn")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	p, err := Start(cmd)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(r).ReadString('\n')
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	p.Stop()
	waitForEnd(t, child)
	if runs(p.PID()) {
		t.Error("it still runs")
	}
}

// Ended(0) sees at once that a program has ended.
func TestEnded(t *testing.T) {
	p, err := Start(exec.Command("false"))
	if err != nil {
		t.Fatal(err)
	}
	if _, ended := p.Ended(time.Minute); !ended {
		t.Fatal("it runs")
	}
	for range 100 {
		if err, ended := p.Ended(0); !ended || err == nil {
			t.Fatalf("ended %v, %v", ended, err)
		}
	}
}
