package build

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

func TestParseBackends(t *testing.T) {
	for _, c := range []struct{ names, goos, goarch, want string }{
		{"", "linux", "amd64", "cpu"},
		{"", "darwin", "arm64", "cpu metal"},
		{"", "darwin", "amd64", "cpu"},
		{"cuda rpc cuda", "linux", "amd64", "cpu rpc cuda"},
		{"cpu", "darwin", "arm64", "cpu"},
		{"metal", "linux", "arm64", "error: backend metal needs a Mac with Apple silicon"},
		{"metal", "darwin", "amd64", "error: backend metal needs a Mac with Apple silicon"},
		{"cuda", "darwin", "arm64", "error: backend cuda can be built on Linux only"},
	} {
		names, err := ParseBackends(strings.Fields(c.names), c.goos, c.goarch)
		got := strings.Join(names, " ")
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != c.want {
			t.Errorf("%q on %s %s: %q; want %q", c.names, c.goos, c.goarch, got, c.want)
		}
	}
}

// A build folder is reused with other backends: all options are set, and backends of earlier builds are neither
// installed nor kept.
func TestBackendsShareABuildFolder(t *testing.T) {
	b := testBuild(t)
	for _, name := range []string{"libggml-rpc.so", "ggml-rpc-server"} {
		plugintest.Write(t, filepath.Join(b.nativeDir(), "bin", name), "", 0o755)
	}
	key := b.Key()
	for _, c := range []struct {
		backends []string
		flag     string
		want     int // files in the prefix of the two
	}{
		{[]string{"cpu", "rpc"}, "-DGGML_RPC=ON", 2},
		{[]string{"cpu"}, "-DGGML_RPC=OFF", 0},
	} {
		b.Options.Backends = c.backends
		if !slices.Contains(backendFlags(b.Options), c.flag) {
			t.Errorf("%v: %v", c.backends, backendFlags(b.Options))
		}
		if b.Key() != key {
			t.Errorf("%v: a build folder of its own", c.backends)
		}
		assembleOnce(t, b)
		found := 0
		for _, name := range []string{"libggml-rpc.so", "ggml-rpc-server"} {
			if _, err := os.Stat(filepath.Join(b.Options.Prefix, "lib", "ollama", name)); err == nil {
				found++
			}
		}
		if found != c.want {
			t.Errorf("%v: %d of RPC's files are installed", c.backends, found)
		}
	}
}
