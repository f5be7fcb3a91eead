package step

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A second process waits for the lock, says so, and can be interrupted.
func TestLock(t *testing.T) {
	var out bytes.Buffer
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := New(&out).Lock(t.Context(), path)
	if err != nil || out.Len() > 0 {
		t.Fatalf("%v, said %q", err, &out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := New(&out).Lock(ctx, path); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second lock: %v", err)
	}
	if !strings.Contains(out.String(), "another build, which has locked "+path) {
		t.Errorf("said %q", &out)
	}
	unlock()
}
