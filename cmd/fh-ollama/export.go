package main

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/assets"
	"github.com/fh-ollama/fh-ollama/internal/progress"
)

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write the clusters of a converted file for vLLM",
		ArgsUsage: "CONVERTED.gguf",
		Description: "Writes DIR/flash_head_assets/clustering_cache.safetensors, and FlashHead's two\n" +
			"entries into DIR/config.json, where all others stay.\n\n" +
			"Example: fh-ollama export model-flashhead.gguf --assets Model-FlashHead/",
		Flags: []cli.Flag{
			&cli.PathFlag{Name: "assets", Usage: "write into `DIR`"},
			&cli.BoolFlag{Name: "force", Usage: "replace clusters and entries that are there"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print nothing but errors"},
			libFlag(),
		},
		Action: runExport,
	}
}

func runExport(c *cli.Context) error {
	input, err := oneArgument(c, "a converted GGUF file")
	if err != nil {
		return err
	}
	dir, err := assetsDir(c)
	if err != nil {
		return err
	}
	log := c.App.ErrWriter
	if c.Bool("quiet") {
		log = io.Discard
	}
	exported, err := assets.Export(c.Context, assets.ExportOptions{
		Input: input, Dir: dir, Force: c.Bool("force"), LibDir: c.Path("lib"), ToolVersion: version,
	}, progress.New(log))
	if err != nil {
		return err
	}
	if !c.Bool("quiet") {
		fmt.Fprint(c.App.Writer, exported)
	}
	return nil
}
