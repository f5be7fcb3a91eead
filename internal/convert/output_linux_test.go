package convert_test

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// TestNoPermission writes into a read-only folder. Root may write anyway, so as root the thread takes another identity
// for file access.
func TestNoPermission(t *testing.T) {
	in := gguftest.Write(t, "in.gguf", gguftest.Model(130, 32).Bytes())
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		for _, open := range []string{filepath.Dir(in), filepath.Dir(filepath.Dir(in))} { // both folders lie side by side
			if err := os.Chmod(open, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := unix.Setfsuid(65534); err != nil {
			t.Skip("no other identity can be taken: ", err)
		}
		defer unix.Setfsuid(0)
	}
	refused(t, in, filepath.Join(dir, "out.gguf"), "permission denied")
}

// TestNoSpace converts a file that is larger than the disk. The file is sparse.
func TestNoSpace(t *testing.T) {
	const rows = 3 << 40 // of 4 bytes: 12 TiB
	file := gguftest.Model(130, 32)
	file.Tensors = append(file.Tensors, gguftest.T("blk.0.ffn_down.weight", gguftest.TypeF32, nil, 1, rows))
	in := gguftest.Write(t, "in.gguf", file.Bytes())
	var disk unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(in), &disk); err != nil {
		t.Fatal(err)
	}
	if int64(disk.Bavail) > 4*rows/disk.Bsize {
		t.Skip("this disk has room for 12 TiB")
	}
	if err := os.Chmod(in, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(in, 4*rows+1<<20); err != nil {
		t.Skip("this file system has no files of 12 TiB: ", err)
	}
	refused(t, in, filepath.Join(t.TempDir(), "out.gguf"), "MiB free, the output needs")
}
