package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/hint"
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
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print JSON"}},
		Action: runList,
	}
}

func runList(c *cli.Context) error {
	if c.NArg() > 0 {
		return usageError{hint.New(fmt.Sprintf("list takes no argument, but got %q", c.Args().First()),
			"see fh-ollama list --help")}
	}
	places, server := installation.Here(), ollama.FromEnvironment()
	found, err := maps.Survey(c.Context, server, places.Port != 0)
	if err != nil {
		return err
	}
	host, gpu := hostOf(c, server)
	list := maps.List{Server: server.Host.String(), Host: host, GPU: gpu, Models: found,
		Unused: maps.Unused(maps.Stores(found, places.Models()))}
	if c.Bool("json") {
		return printJSON(c, list)
	}
	_, err = fmt.Fprint(c.App.Writer, list)
	return err
}
