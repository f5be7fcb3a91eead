package main

import (
	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/modelfile/maps"
)

func listCommand() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "show which models have FlashHead, and what it can gain",
		Description: "Lists the models of the Ollama at OLLAMA_HOST: the head's share of the bytes\n" +
			"read for a token, the greatest speed-up, and whether FlashHead is on.\n\n" +
			"Example: fh-ollama list",
		Flags:  []cli.Flag{jsonFlag()},
		Action: runList,
	}
}

func runList(c *cli.Context) error {
	if err := noArgument(c); err != nil {
		return err
	}
	places, server := installation.Here(), ollama.FromEnvironment()
	found, err := maps.Survey(c.Context, server, places.Port != 0)
	if err != nil {
		return err
	}
	host, gpu := hostOf(c, server)
	return show(c, maps.List{Server: server.Host.String(), Host: host, GPU: gpu, Models: found,
		Unused: maps.Unused(maps.Stores(found, places.Models()))})
}
