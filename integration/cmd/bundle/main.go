// Command bundle prepares a build of fh-ollama with the plug-in inside. See `make bundle`.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

func main() {
	plugin := flag.String("plugin", "build/release/plugin", "`DIR` of a build of the plug-in")
	out := flag.String("o", "build/release/bundle", "write the archive and the overlay to `DIR`")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(),
			"Usage: go run ./integration/cmd/bundle [flags]\n\nRun it at the top of a checkout. It prints what follows "+
				"`go build -overlay`.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	overlay, err := harness.Bundle(".", *plugin, *out)
	if err != nil {
		fmt.Fprint(os.Stderr, hint.Text("bundle", err))
		os.Exit(1)
	}
	fmt.Println(overlay)
}
