package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
)

// paths is the value of a flag that may be repeated to name several files. The library's own lists are split at commas,
// which file names may contain.
type paths []string

// Set adds a path.
func (p *paths) Set(path string) error {
	*p = append(*p, path)
	return nil
}

// String is shown as the default: none.
func (p *paths) String() string { return strings.Join(*p, ", ") }

func centroidTypeFlag() cli.Flag {
	return &cli.StringFlag{Name: "centroid-type", Usage: "ggml `TYPE` of the centroids (default: " +
		flashhead.DefaultCentroids + " or " + flashhead.DefaultOddCentroids + ")"}
}

// libFlag names the folder of the native programs that a command runs; holding says which.
func libFlag(holding string) cli.Flag {
	return &cli.PathFlag{Name: "lib", EnvVars: []string{"FH_OLLAMA_LIB"}, Usage: "`DIR` with " + holding}
}

// seedOf returns the value of --seed.
func seedOf(c *cli.Context) (uint32, error) {
	seed := c.Uint("seed")
	if uint64(seed) > math.MaxUint32 {
		return 0, wrongUse(c, "seed %d is larger than %d", seed, uint32(math.MaxUint32))
	}
	return uint32(seed), nil
}

func quietFlag(nothingBut string) cli.Flag {
	return &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print nothing but " + nothingBut}
}

// logOf returns where progress is shown: nowhere with --quiet.
func logOf(c *cli.Context) io.Writer {
	if c.Bool("quiet") {
		return io.Discard
	}
	return c.App.ErrWriter
}

func jsonFlag() cli.Flag { return &cli.BoolFlag{Name: "json", Usage: "print JSON"} }

// show prints a result, as JSON with --json.
func show(c *cli.Context, result fmt.Stringer) error {
	if !c.Bool("json") {
		_, err := io.WriteString(c.App.Writer, result.String())
		return err
	}
	out := json.NewEncoder(c.App.Writer)
	out.SetIndent("", "  ")
	return out.Encode(result)
}
