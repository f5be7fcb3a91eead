package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Draw on a real terminal device and read what it shows.
func TestTerminal(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	defer master.Close()
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	p := New(slave)
	p.Start("clustering")
	clock := p.started
	p.now = func() time.Time { return clock }
	clock = clock.Add(1234 * time.Second)
	p.Set(0.5, "balance 3/8, objective 0.5321, imbalance 0.03")
	p.Set(0.6, "too early to be drawn")
	clock = clock.Add(time.Second)
	p.Set(1, "balance 8/8")
	p.Done("clustered")
	p.Start("writing")
	p.Close()
	slave.Close()

	shown, _ := io.ReadAll(master) // ends with an error when the last writer has gone
	text := string(shown)
	for _, want := range []string{"clustering balance 3/8, objective 0.5321, imbalance 0.03, 20m34s left  50% |",
		" 99% |█", "writing"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	if strings.Contains(text, "too early") {
		t.Errorf("drawn too often: %q", text)
	}
	if strings.Count(text, "\n") != 1 || !strings.Contains(text, "clustered (1235.0 s)") {
		t.Errorf("want one finished line: %q", text)
	}
	for part := range strings.SplitSeq(text, "\r") {
		if len([]rune(part)) > 100 {
			t.Errorf("%d columns: %q", len([]rune(part)), part)
		}
	}
}
