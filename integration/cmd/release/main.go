// Command release packs fh-ollama with the plug-in inside and a patched build into an archive each, with the licenses of
// everything in it, and their checksums. See `make release`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

func main() {
	var o options
	flag.StringVar(&o.prefix, "prefix", "build/release/patched", "`DIR` of the patched build")
	flag.StringVar(&o.program, "program", "build/release/fh-ollama", "`PATH` of fh-ollama with the plug-in inside")
	flag.StringVar(&o.plugin, "plugin", "build/release/plugin", "`DIR` of the build of that plug-in")
	flag.StringVar(&o.out, "o", "build/release", "write to `DIR`")
	harness.Program{
		Name: "release",
		Note: "Run it at the top of a checkout. SOURCE_DATE_EPOCH is the time in the archive, in seconds since 1970.",
		Run: func(ctx context.Context, _ string) error {
			paths, err := run(ctx, o)
			for _, path := range paths {
				fmt.Println(path)
			}
			return err
		},
	}.Main()
}

// run adds to o what comes from the environment, and makes the release.
func run(ctx context.Context, o options) ([]string, error) {
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return nil, hint.New("SOURCE_DATE_EPOCH is not a time",
			"set it to the time of the released commit, e.g. `git log -1 --format=%ct`")
	}
	o.time = time.Unix(seconds, 0)
	if o.license, err = os.ReadFile("LICENSE"); err != nil {
		return nil, hint.Wrap(err, "run it at the top of a checkout")
	}
	// The folders that a build could leave paths of: sources and compiled files.
	cache, err := atomicfile.CacheFolder()
	if err != nil {
		return nil, err
	}
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	o.private = []string{cache, here}
	return release(ctx, o)
}
