// Command bundle prepares a build of fh-ollama with the plug-in inside. See `make bundle`.
package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/fh-ollama/fh-ollama/integration/harness"
)

func main() {
	plugin := flag.String("plugin", "build/release/plugin", "`DIR` of a build of the plug-in")
	out := flag.String("o", "build/release/bundle", "write the archive and the overlay to `DIR`")
	harness.Program{
		Name: "bundle", Note: "Run it at the top of a checkout. It prints what follows `go build -overlay`.",
		Run: func(context.Context, string) error {
			overlay, err := harness.Bundle(".", *plugin, *out)
			if err == nil {
				fmt.Println(overlay)
			}
			return err
		},
	}.Main()
}
