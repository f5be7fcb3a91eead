package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
	"github.com/fh-ollama/fh-ollama/plugin/source"
	thirdparty "github.com/fh-ollama/fh-ollama/third_party"
)

// A runtime with another version of the backend interface refuses the plug-in, says so, and runs dense.
func TestPluginOfAnotherVersion(t *testing.T) {
	testlevel.Long(t)
	h := plugin(t)
	dir := t.TempDir()
	headers := filepath.Join(dir, "llama.cpp")
	pinned := pinnedLlamaCpp(t)
	for _, part := range []string{"ggml", "include", "LICENSE", "src/llama-model.cpp"} {
		copyTree(t, filepath.Join(pinned, filepath.FromSlash(part)), filepath.Join(headers, filepath.FromSlash(part)))
	}
	file := filepath.Join(headers, "ggml", "src", "ggml-backend-impl.h")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const define = "#define GGML_BACKEND_API_VERSION "
	before, after, found := strings.Cut(string(text), define)
	if !found {
		t.Fatalf("%s has no %s", file, define)
	}
	if err := os.WriteFile(file, []byte(before+define+"1"+after), 0o644); err != nil { // 2 becomes 12
		t.Fatal(err)
	}
	cmd := exec.CommandContext(timeout(t), h.Bin("fh-ollama"), "build", "--plugin", "--llama-cpp-source", headers,
		"--prefix", filepath.Join(dir, "dist"))
	cmd.Env = append(harness.Environment(dir), "FH_OLLAMA_CACHE="+filepath.Join(dir, "cache"), "TMPDIR="+dir)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}

	odd := withPlugin(host{Prefix: h.Prefix}, filepath.Join(dir, "dist", "lib", "flashhead", pluginLibrary))
	log := bench(t, odd, converted(t))
	if !strings.Contains(log, "incompatible API version") || strings.Contains(log, "flash_head:") {
		t.Errorf("llama-bench says\n%s", log)
	}
	if !strings.Contains(log, "tg4") {
		t.Errorf("llama-bench did not run the model:\n%s", log)
	}
}

// pinnedLlamaCpp returns the folder of the pinned llama.cpp.
func pinnedLlamaCpp(t *testing.T) string {
	t.Helper()
	pins, err := source.ParsePins(thirdparty.Pins)
	if err != nil {
		t.Fatal(err)
	}
	cache, err := atomicfile.CacheFolder()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "src", fmt.Sprintf("llama.cpp-%.16s", pins.LlamaCpp.SHA256))
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("%v: the plug-in was built on another machine", err)
	}
	return dir
}
