// Command synthetic writes a converted model of random weights and keeps it: the file that fh-ollama bench --shape makes and
// removes, for other measurements.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/synthetic"
)

func main() {
	rank := flag.Int("sketch-rank", 0, "directions of a sketch; 0 for none")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "Usage: go run ./integration/cmd/synthetic [-sketch-rank R] SHAPE TYPE OUT.gguf\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 3 {
		flag.Usage()
		os.Exit(2)
	}
	if err := write(flag.Arg(0), flag.Arg(1), *rank, flag.Arg(2)); err != nil {
		fmt.Fprintf(os.Stderr, "synthetic: %v\n", err)
		if way := hint.Of(err); way != "" {
			fmt.Fprintf(os.Stderr, "  %s\n", way)
		}
		os.Exit(1)
	}
}

func write(shape, quantization string, rank int, path string) error {
	shapes, err := synthetic.Shapes([]string{shape})
	if err != nil {
		return err
	}
	types, err := synthetic.Types([]string{quantization})
	if err != nil {
		return err
	}
	model := synthetic.Model{Shape: shapes[0], Type: types[0], ClusterSize: flashhead.ClusterSize(rank > 0), SketchRank: rank}
	plan, err := model.File()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return hint.Wrap(err, "name a file that is not there yet")
	}
	err = plan.Write(file, func(int64) error { return nil })
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		os.Remove(path)
	}
	return err
}
