package main

import (
	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/modelfile/maps"
)

func offCommand() *cli.Command {
	return &cli.Command{
		Name:      "off",
		Usage:     "turn FlashHead off again: remove the maps of models",
		ArgsUsage: "NAME...|FILE...|--all|--unused",
		Description: "Removes what `fh-ollama on` made, and nothing else.\n\n" +
			"Example: fh-ollama off qwen3:0.6b",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "the maps of every model in Ollama"},
			&cli.BoolFlag{Name: "unused", Usage: "maps whose models are gone"},
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would be removed, remove nothing"},
		},
		Action: runOff,
	}
}

func runOff(c *cli.Context) error {
	if !c.Bool("unused") {
		found, o, err := whichModels(c)
		if err != nil {
			return err
		}
		return maps.TurnOff(c.Context, o, found)
	}
	if c.NArg() > 0 || c.Bool("all") {
		return wrongUse(c, "--unused goes without the name of a model and without --all")
	}
	places, server := installation.Here(), ollama.FromEnvironment()
	found, err := maps.Survey(c.Context, server, places.Port != 0)
	if err != nil {
		return err
	}
	o := maps.Options{DryRun: c.Bool("dry-run"), Out: c.App.Writer, Log: c.App.ErrWriter}
	return maps.RemoveUnused(o, maps.Unused(maps.Stores(found, places.Models())))
}
