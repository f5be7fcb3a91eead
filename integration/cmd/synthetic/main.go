// Command synthetic writes the converted model of random weights that `fh-ollama bench --shape` measures, and keeps it.
package main

import (
	"context"
	"flag"
	"os"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/synthetic"
)

func main() {
	codes := flag.Bool("codes", false, "with codes")
	harness.Program{Name: "synthetic", Arguments: "SHAPE TYPE OUT.gguf", Run: func(context.Context, string) error {
		if flag.NArg() != 3 {
			return hint.New("a shape, a type and an output are needed", "see --help")
		}
		return write(flag.Arg(0), flag.Arg(1), *codes, flag.Arg(2))
	}}.Main()
}

func write(shape, quantization string, codes bool, path string) error {
	models, err := synthetic.Models([]string{shape}, []string{quantization}, codes, "")
	if err != nil {
		return err
	}
	plan, err := models[0].File()
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return hint.Wrap(err, "choose the name of a new file")
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
