package build

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/plugin/plugintest"
)

func TestParseBackends(t *testing.T) {
	for _, c := range []struct{ names, goos, goarch, want string }{
		{"", "linux", "amd64", "cpu"},
		{"", "darwin", "arm64", "cpu metal"},
		{"", "darwin", "amd64", "cpu"},
		{"rpc", "linux", "arm64", "cpu rpc"},
		{"rpc cpu rpc", "linux", "amd64", "cpu rpc"},
		{"cpu", "darwin", "arm64", "cpu"},
		{"cuda rpc", "linux", "amd64", "cpu rpc cuda"},
	} {
		got, err := ParseBackends(strings.Fields(c.names), c.goos, c.goarch)
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%q on %s %s: %q, %v; want %q", c.names, c.goos, c.goarch, got, err, c.want)
		}
	}
	for _, c := range []struct{ name, goos, goarch, want string }{
		{"npu", "linux", "amd64", `unknown backend "npu"`},
		{"", "linux", "amd64", `unknown backend ""`},
		{"metal", "linux", "arm64", "metal needs a Mac"},
		{"metal", "darwin", "amd64", "metal needs a Mac"},
		{"cuda", "darwin", "arm64", "cuda can be built on Linux only"},
	} {
		got, err := ParseBackends([]string{"cpu", c.name}, c.goos, c.goarch)
		if err == nil || !strings.Contains(err.Error(), c.want) || hint.Of(err) == "" {
			t.Errorf("%q on %s %s: %q, %v", c.name, c.goos, c.goarch, got, err)
		}
	}
}

// A build folder is reused with other backends: all options are set, and backends of earlier builds are neither
// installed nor kept.
func TestBackendsShareABuildFolder(t *testing.T) {
	b := testBuild(t)
	for _, name := range []string{"libggml-rpc.so", "ggml-rpc-server"} {
		plugintest.Write(t, filepath.Join(b.NativeDir(), "bin", name), "", 0o755)
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
