package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/convert"
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
			quietFlag("errors"),
			libFlag(nativeTool),
		},
		Action: runImport,
	}
}

func runImport(c *cli.Context) error {
	input, err := oneArgument(c, "a GGUF file")
	if err != nil {
		return err
	}
	if c.Path("assets") == "" {
		return wrongUse(c, "import needs --assets")
	}
	target := convert.Target{
		Input: input, Output: c.Path("output"), Probes: c.Int("probes"), CentroidType: c.String("centroid-type"),
		Force: c.Bool("force"), ToolVersion: version,
	}
	if err := target.Validate(); err != nil {
		return invalid(c, err)
	}
	clusters, err := vllm.Open(c.Path("assets"))
	if err != nil {
		return err
	}
	defer clusters.Close()
	source := &vllm.Source{Assets: clusters, Model: input, LibDir: c.Path("lib")}
	summary, err := convert.From(c.Context, source, target, progress.New(logOf(c)))
	if err != nil {
		return err
	}
	if !c.Bool("quiet") {
		fmt.Fprint(c.App.Writer, summary)
	}
	return nil
}
