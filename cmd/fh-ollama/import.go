package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/convert"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/internal/vllm"
)

func importCommand() *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "add FlashHead to a GGUF file, with clusters made for vLLM",
		ArgsUsage: "IN.gguf",
		Description: "Writes a copy as convert does, but takes the clusters from assets published for\n" +
			"the same model, the folder flash_head_assets, instead of making them.\n\n" +
			"Example: fh-ollama import model.gguf --assets Model-FlashHead/ -o fast.gguf",
		Flags: []cli.Flag{
			&cli.PathFlag{Name: "assets", Usage: "`DIR` with flash_head_assets and config.json"},
			&cli.PathFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE` (default: IN-flashhead.gguf)"},
			&cli.IntFlag{Name: "probes", Usage: "score `P` clusters per token (default: the assets')"},
			centroidTypeFlag(),
			&cli.BoolFlag{Name: "force", Usage: "replace the output, and clusters in IN.gguf"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print nothing but errors"},
			libFlag(),
		},
		Action: runImport,
	}
}

// assetsDir returns the folder that --assets names.
func assetsDir(c *cli.Context) (string, error) {
	if c.Path("assets") == "" {
		return "", usageError{hint.New(c.Command.Name+" needs --assets", "see fh-ollama "+c.Command.Name+" --help")}
	}
	return c.Path("assets"), nil
}

func runImport(c *cli.Context) error {
	input, err := oneArgument(c, "a GGUF file")
	if err != nil {
		return err
	}
	dir, err := assetsDir(c)
	if err != nil {
		return err
	}
	target := convert.Target{
		Input: input, Output: c.Path("output"), Probes: c.Int("probes"), CentroidType: c.String("centroid-type"),
		Force: c.Bool("force"), ToolVersion: version,
	}
	if err := target.Validate(); err != nil {
		return usageError{hint.Wrap(err, "see fh-ollama import --help")}
	}
	clusters, err := vllm.Open(dir)
	if err != nil {
		return err
	}
	defer clusters.Close()
	log := c.App.ErrWriter
	if c.Bool("quiet") {
		log = io.Discard
	}
	source := &vllm.Source{Assets: clusters, Model: input, LibDir: c.Path("lib")}
	summary, err := convert.From(c.Context, source, target, progress.New(log))
	if err != nil {
		return err
	}
	if !c.Bool("quiet") {
		fmt.Fprint(c.App.Writer, summary)
	}
	return nil
}
