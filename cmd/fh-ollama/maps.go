package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/modelfile/maps"
	"github.com/fh-ollama/fh-ollama/plugin/doctor"
)

func onCommand() *cli.Command {
	return &cli.Command{
		Name:      "on",
		Usage:     "turn FlashHead on for models, which keep their names",
		ArgsUsage: "NAME...|FILE...|--all",
		Description: "Makes a map beside the model, a file of a few megabytes. No model is changed or\n" +
			"copied, and `fh-ollama off` takes the map away.\n\n" +
			"Example: fh-ollama on qwen3:0.6b && ollama run qwen3:0.6b",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "all", Usage: "every model in Ollama whose head is worth it"},
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would be made, write nothing"},
			&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"},
			&cli.BoolFlag{Name: "again", Usage: "make maps again that are there"},
		}, convertFlags()...),
		Action: runOn,
	}
}

func runOn(c *cli.Context) error {
	convert, err := convertOptions(c, "model", "") // the models are found below
	if err != nil {
		return err
	}
	found, o, err := whichModels(c)
	if err != nil {
		return err
	}
	o.Convert, o.Again = convert, c.Bool("again")
	o.Host, o.GPU = hostOf(c, o.Server)
	if !c.Bool("yes") && !o.DryRun && o.Host.Approximate() && maps.Needed(found, o.Again) {
		if !term.IsTerminal(int(os.Stdin.Fd())) {
			return hint.New("on asks before it turns FlashHead on, but standard input is not a terminal", "give --yes")
		}
		o.Confirm = func(question string) (bool, error) { return ask(c, question) }
	}
	return maps.TurnOn(c.Context, o, found)
}

// ask shows a question and reports whether the answer is yes.
func ask(c *cli.Context, question string) (bool, error) {
	fmt.Fprintf(c.App.Writer, "%s [y/N] ", question)
	answer := make(chan string, 1)
	go func() { // reading cannot be interrupted
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-c.Context.Done():
		return false, c.Context.Err()
	case word := <-answer:
		return word == "y" || word == "yes", nil
	}
}

// whichModels returns the weights that the arguments of on and off name, and the options that both have.
func whichModels(c *cli.Context) ([]maps.Weights, maps.Options, error) {
	o := maps.Options{
		Server: ollama.FromEnvironment(), All: c.Bool("all"), DryRun: c.Bool("dry-run"), Out: c.App.Writer,
		Log: c.App.ErrWriter,
	}
	switch {
	case o.All && c.NArg() > 0:
		return nil, o, wrongUse(c, "--all and the name of a model do not go together")
	case !o.All && c.NArg() == 0:
		return nil, o, wrongUse(c, "%s needs the name of a model, a GGUF file, or --all", c.Command.Name)
	}
	local := installation.Here().Port != 0
	var found []maps.Weights
	var err error
	if o.All {
		found, err = maps.Survey(c.Context, o.Server, local)
	} else {
		found, err = maps.Find(c.Context, o.Server, local, c.Args().Slice())
	}
	return found, o, err
}

// hostOf returns which kind of Ollama answers, and of one with the plug-in the GPU that it uses, "" for none.
func hostOf(c *cli.Context, s ollama.Server) (host maps.Host, gpu string) {
	version, err := s.Version(c.Context)
	switch {
	case err != nil:
		return maps.Unknown, ""
	case version.Patched():
		return maps.Patched, ""
	}
	if plugin := doctor.PluginOf(c.Context, installation.Here()); plugin.Library != "" {
		return maps.Plugin, plugin.GPU
	}
	return maps.Stock, ""
}

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
