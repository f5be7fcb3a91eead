package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/process"
	"github.com/fh-ollama/fh-ollama/internal/synthetic"
)

// shape is a shape of package synthetic in a type of ggml, of a whole model or of a head alone.
type shape struct {
	Model string `json:"model"`
	Type  string `json:"type"`
	Codes bool   `json:"codes"` // of a head, those of the default quality, which select a fixed number of tokens
}

func (s shape) String() string {
	if s.Codes {
		return s.Model + " " + s.Type + " with codes"
	}
	return s.Model + " " + s.Type
}

// headTime is the time of one head.
type headTime struct {
	shape
	Rows     int64   `json:"rows"`
	Columns  int64   `json:"columns"`
	Clusters int64   `json:"clusters"`
	Probes   int64   `json:"probes"`
	Dense    float64 `json:"dense_us"`
	Flash    float64 `json:"flash_us"`
	SpeedUp  float64 `json:"speed_up"` // median of the rounds' ratios
	Limit    float64 `json:"limit"`    // bytes of memory traffic, dense over FlashHead
	Printed  string  `json:"printed"`  // output of the program
}

const benchProgram = "bench-flash-head"

// headTimes finds the times of both heads and their ratio in the output of the program.
var headTimes = regexp.MustCompile(`(?s)\n *dense +([0-9.]+) us.*\n *FlashHead +([0-9.]+) us.*\n *ratio +([0-9.]+) x`)

// timeHead times the op and the dense product of the same weight on the device.
func (d device) timeHead(ctx context.Context, s shape, rounds int) (headTime, error) {
	shapes, err := synthetic.Shapes([]string{s.Model})
	if err != nil {
		return headTime{}, err
	}
	t := headTime{shape: s, Rows: shapes[0].Vocabulary, Columns: shapes[0].Width}
	codes, err := t.plan()
	if err != nil {
		return headTime{}, err
	}
	args := append(d.flags(), "--rows", fmt.Sprint(t.Rows), "--columns", fmt.Sprint(t.Columns), "--type", s.Type,
		"--probes", fmt.Sprint(t.Probes), "--rounds", fmt.Sprint(rounds))
	if s.Codes {
		args = append(args, "--cluster-size", fmt.Sprint(flashhead.CodedClusterSize), "--coarse",
			fmt.Sprint(codes.CoarseBits), "--fine", fmt.Sprint(codes.FineBytes), "--near", fmt.Sprint(codes.Near))
	}
	if d.Type == "cpu" {
		args = append(args, "--threads", "1")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(d.lib, benchProgram), args...)
	cmd.Env = process.Environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return headTime{}, fmt.Errorf("%s of %s: %w: %s", benchProgram, s, err, lastLine(string(out)))
	}
	t.Printed = string(out)
	found := headTimes.FindStringSubmatch(t.Printed)
	if found == nil {
		return headTime{}, hint.New("unexpected output of "+benchProgram+": "+lastLine(t.Printed), "build again: make gpu")
	}
	for i, value := range []*float64{&t.Dense, &t.Flash, &t.SpeedUp} {
		*value, _ = strconv.ParseFloat(found[1+i], 64) // digits, as matched
	}
	return t, nil
}

// plan sets the clusters and the limit, which is the ratio of the bytes read and written, and returns the codes. The
// dense product reads the weight; FlashHead reads the centroids, the codes and the selected rows. Both write the
// logits.
func (t *headTime) plan() (flashhead.Codes, error) {
	weight, ok := gguf.ParseTensorType(t.Type)
	head := flashhead.Head{Tensor: gguf.Tensor{Type: weight, Shape: []int64{t.Columns, t.Rows}}}
	centroids, err := flashhead.CentroidType("", head)
	if !ok || err != nil {
		return flashhead.Codes{}, fmt.Errorf("no head of type %s and %d columns", t.Type, t.Columns)
	}
	size, codes := int64(flashhead.DefaultClusterSize), flashhead.Codes{}
	if t.Codes {
		size = flashhead.CodedClusterSize
	}
	t.Clusters = (t.Rows + size - 1) / size
	t.Probes = int64(flashhead.DefaultProbes(uint32(t.Clusters)))
	if t.Codes {
		quality := flashhead.Qualities[0]
		t.Probes = int64(quality.Probes(uint32(t.Clusters)))
		codes = quality.Codes(head, uint32(t.Clusters), centroids)
	}
	logits := 4 * t.Rows
	always, fine := codes.Bytes(head)
	dense := t.Rows*weight.RowBytes(t.Columns) + logits
	flash := t.Clusters*centroids.RowBytes(t.Columns) + int64(always+float64(codes.Near)*fine) +
		t.Probes*size*weight.RowBytes(t.Columns) + logits
	t.Limit = float64(dense) / float64(flash)
	return codes, nil
}
