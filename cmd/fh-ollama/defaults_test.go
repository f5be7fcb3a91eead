package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/bench"
	"github.com/fh-ollama/fh-ollama/internal/convert"
	"github.com/fh-ollama/fh-ollama/internal/evaluation"
	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// shownDefault matches the default in the help of a flag.
var shownDefault = regexp.MustCompile(`\(default: (.*)\)$`)

// TestDefaultsInHelp compares every default in the help with the code's. A flag that is not in the table must not name
// a default with a digit.
func TestDefaultsInHelp(t *testing.T) {
	of := func(width int64) string {
		centroids, err := flashhead.CentroidType("", flashhead.Head{Tensor: gguf.Tensor{Shape: []int64{width, 1}}})
		if err != nil {
			t.Fatal(err)
		}
		return centroids.String()
	}
	c, e, b := convert.Defaults(), evaluation.Defaults(), bench.Defaults()
	want := map[string]string{
		"cluster-size":  fmt.Sprintf("%d, plain %d", flashhead.ClusterSize(true), flashhead.ClusterSize(false)),
		"iterations":    fmt.Sprintf("%d, plain %d", flashhead.Iterations(true), flashhead.Iterations(false)),
		"seed":          fmt.Sprint(c.Seed),
		"threads":       fmt.Sprint(c.Threads),
		"centroid-type": of(64) + " or " + of(65),
		"ctx":           fmt.Sprintf("%d, or the model's", evaluation.DefaultContext),
		"predict":       fmt.Sprint(e.Predict),
		"temperature":   fmt.Sprint(e.Temperature),
		"tokens":        fmt.Sprint(b.Tokens),
		"rounds":        fmt.Sprint(b.Rounds),
		"type":          bench.DefaultType,

		"bench threads": strings.ReplaceAll(strings.Trim(fmt.Sprint(b.Threads), "[]"), " ", ", "),
		"build jobs":    fmt.Sprint(c.Threads), "eval threads": fmt.Sprint(e.Threads),
		"import probes": "the assets'", "probes": "by Q", "bench probes": "the model's",
	}
	digit := regexp.MustCompile(`[0-9]`)
	seen := map[string]bool{}
	for _, command := range newApp(io.Discard, io.Discard).Commands {
		for _, flag := range command.Flags {
			found := shownDefault.FindStringSubmatch(flag.String())
			if found == nil {
				continue
			}
			key := flag.Names()[0]
			if _, own := want[command.Name+" "+key]; own {
				key = command.Name + " " + key
			}
			text, known := want[key]
			switch seen[key] = true; {
			case known && found[1] != text:
				t.Errorf("%s --%s says %q, the code has %q", command.Name, flag.Names()[0], found[1], text)
			case !known && digit.MatchString(found[1]):
				t.Errorf("%s --%s names the default %q, which nothing compares with the code", command.Name, flag.Names()[0],
					found[1])
			}
		}
	}
	for key := range want {
		if !seen[key] {
			t.Errorf("no help names the default of %s", key)
		}
	}
}
