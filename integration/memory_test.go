package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// failingNew is C++ that makes operator new fail for one size, as if out of memory.
const failingNew = `
#include <cstdlib>
#include <new>
void * operator new(std::size_t n) {
    static const char * size = getenv("FAIL_NEW");
    if (size != nullptr && n == strtoull(size, nullptr, 10)) {
        throw std::bad_alloc();
    }
    void * p = malloc(n > 0 ? n : 1);
    if (p == nullptr) {
        throw std::bad_alloc();
    }
    return p;
}
void operator delete(void * p) noexcept { free(p); }
void operator delete(void * p, std::size_t) noexcept { free(p); }
`

// If memory runs out while a head is prepared, the model runs dense and the log says so.
func TestNoMemoryForTheHead(t *testing.T) {
	compiler, err := exec.LookPath("c++")
	if err != nil {
		t.Skip("needs a C++ compiler")
	}
	dir := t.TempDir()
	source, library := filepath.Join(dir, "new.cpp"), filepath.Join(dir, "new.so")
	if err := os.WriteFile(source, []byte(failingNew), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(compiler, "-shared", "-fPIC", "-O1", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// the centroids of the trained model, before they are laid out in groups
	fails := []string{"LD_PRELOAD=" + library, "FAIL_NEW=" + strconv.Itoa(clusterCount*256/32*18)}
	want, _ := writes(t, patched(t), converted(t), nil, "FLASHHEAD_ENABLED=0")
	got, log := writes(t, patched(t), converted(t), nil, fails...)
	saysOnce(t, log, "no memory for what a head needs beside its weight; running dense")
	sameTokens(t, "without memory", got, want)
	device := withDevice(patched(t), hasOp)
	_, log = writes(t, device, converted(t), wholeModel, "LD_PRELOAD="+library,
		"FAIL_NEW="+strconv.Itoa(clusterCount*256*4))
	saysOnce(t, log, "no memory for what a head needs beside its weight; running dense")
}
