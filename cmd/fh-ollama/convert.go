package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/convert"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/ollama"
	"github.com/fh-ollama/fh-ollama/internal/progress"
	"github.com/fh-ollama/fh-ollama/modelfile"
	"github.com/fh-ollama/fh-ollama/modelfile/origin"
)

func convertCommand() *cli.Command {
	return &cli.Command{
		Name:      "convert",
		Usage:     "add FlashHead to a copy of a model",
		ArgsUsage: "IN.gguf|NAME",
		Description: "Writes a copy with a map of clusters, which any Ollama or llama.cpp loads.\n\n" +
			"Example: fh-ollama convert model.gguf -o model-flashhead.gguf",
		Flags: append([]cli.Flag{
			&cli.PathFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE` (default: IN-flashhead.gguf)"},
			&cli.PathFlag{Name: "map", Usage: "take the map from `FILE`, which fh-ollama on made", TakesFile: true},
			&cli.BoolFlag{Name: "map-only", Usage: "write the map only; take it out of a converted file"},
			&cli.BoolFlag{Name: "force", Usage: "replace the output; cluster a converted file again"},
			quietFlag("errors"),
		}, convertFlags()...),
		Action: runConvert,
	}
}

// convertFlags are the flags of every command that converts.
func convertFlags() []cli.Flag {
	d := convert.Defaults()
	return []cli.Flag{
		&cli.GenericFlag{Name: "calibrate", Value: new(paths), TakesFile: true,
			Usage: "also fit to the text in `FILE` (repeatable)"},
		&cli.BoolFlag{Name: "no-calibrate", Usage: "do not run the model; estimates are worse"},
		&cli.StringFlag{Name: "quality", Usage: "`Q`: default, or high, which reads more for each token"},
		&cli.Float64Flag{Name: "target-agreement", Usage: "least share `A` of same top tokens; lowers the tolerance"},
		&cli.Float64Flag{Name: "target-kld", Usage: "largest KL divergence `D`, nats; lowers the tolerance"},
		&cli.BoolFlag{Name: "plain", Usage: "clusters only, as in the paper, without estimates"},
		&cli.IntFlag{Name: "cluster-size", Usage: fmt.Sprintf("`M` tokens per cluster (default: %d, plain %d)",
			flashhead.ClusterSize(true), flashhead.ClusterSize(false))},
		&cli.IntFlag{Name: "iterations", Usage: fmt.Sprintf("`N` iterations of k-means (default: %d, plain %d)",
			flashhead.Iterations(true), flashhead.Iterations(false))},
		&cli.UintFlag{Name: "seed", Value: uint(d.Seed), Usage: "random seed `S` of the clustering"},
		&cli.IntFlag{Name: "threads", Value: d.Threads, Usage: "number of threads, `T`"},
		&cli.IntFlag{Name: "probes", Usage: "score at least `P` clusters of tokens (default: by Q)"},
		centroidTypeFlag(),
		libFlag(nativeTool),
	}
}

// nativeTool is what commands that make maps run.
const nativeTool = "llama-flashhead or its ggml"

// convertOptions returns the options that convertFlags hold, for the given files.
func convertOptions(c *cli.Context, input, output string) (convert.Options, error) {
	seed, err := seedOf(c)
	if err != nil {
		return convert.Options{}, err
	}
	if c.IsSet("iterations") && c.Int("iterations") == 0 { // 0 is the default in o
		return convert.Options{}, wrongUse(c, "iterations must be 1 to 1000, not 0")
	}
	o := convert.Options{
		Target: convert.Target{
			Input: input, Output: output, Probes: c.Int("probes"), CentroidType: c.String("centroid-type"), ToolVersion: version,
		},
		ClusterSize: c.Int("cluster-size"), Iterations: c.Int("iterations"), Seed: seed,
		Threads: c.Int("threads"), LibDir: c.Path("lib"),
		Quality: c.String("quality"), Calibrate: *c.Generic("calibrate").(*paths), NoCalibrate: c.Bool("no-calibrate"),
		Plain: c.Bool("plain"),
	}
	for _, name := range []string{"target-agreement", "target-kld"} {
		if c.IsSet(name) && c.Float64(name) == 0 { // 0 is none in o
			return o, wrongUse(c, "--%s must be above 0", name)
		}
	}
	o.Targets.Agreement, o.Targets.KLD = float32(c.Float64("target-agreement")), float32(c.Float64("target-kld"))
	if err := o.Validate(); err != nil {
		return o, invalid(c, err)
	}
	return o, nil
}

func runConvert(c *cli.Context) error {
	input, err := oneArgument(c, fileOrName)
	if err != nil {
		return err
	}
	o, err := convertOptions(c, input, c.Path("output"))
	if err != nil {
		return err
	}
	if err := checkMapFlags(c); err != nil {
		return err
	}
	from, err := origin.Find(c.Context, ollama.FromEnvironment(), input)
	if err != nil {
		return err
	}
	if o.Input = from.Weights(); o.Output == "" {
		o.Output = from.DefaultOutput()
	}
	o.Force = c.Bool("force")
	var summary convert.Summary
	switch p := progress.New(logOf(c)); {
	case c.Bool("map-only"):
		if from.Model && c.Path("output") == "" {
			o.Output = convert.DefaultMap(o.Output)
		}
		summary, err = convert.MapOnly(c.Context, o, p)
	case c.Path("map") != "":
		summary, err = convert.WithMap(c.Context, c.Path("map"), o.Target, p)
	default:
		summary, err = convert.Convert(c.Context, o, p)
	}
	if err != nil {
		return from.Explain(err)
	}
	if !c.Bool("quiet") {
		summary.Next = nextOf(from, summary.Output)
		fmt.Fprint(c.App.Writer, summary)
	}
	return nil
}

// checkMapFlags checks that --map goes with no option that says how to make a map.
func checkMapFlags(c *cli.Context) error {
	if c.Path("map") == "" {
		return nil
	}
	others := []string{"map-only"}
	for _, flag := range convertFlags() {
		if name := flag.Names()[0]; name != "lib" && name != "threads" {
			others = append(others, name)
		}
	}
	for _, name := range others {
		if typed(c, name) {
			return usageError{hint.New("--map and --"+name+" do not go together",
				"the map has been made: see fh-ollama inspect")}
		}
	}
	return nil
}

// nextOf describes what to do with the converted file output of a model in an Ollama; "" for a file's. A Modelfile
// keeps the model's template and parameters. create converts a model without an extra file.
func nextOf(from origin.Origin, output string) string {
	if !from.Model {
		return ""
	}
	name, err := modelfile.DefaultName(from.Arg)
	if err != nil {
		name = "NAME"
	}
	return commandline.Self("modelfile", from.Arg, "--gguf", output) + " > Modelfile && " +
		commandline.Other("ollama", "create", name, "-f", "Modelfile")
}
