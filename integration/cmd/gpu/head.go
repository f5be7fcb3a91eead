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

// headShape is the head of a model shape of package synthetic, in a type of ggml.
type headShape struct {
	model, typ string
	codes      bool // those of the default quality, which select a fixed number of tokens
}

func (h headShape) String() string {
	if h.codes {
		return h.model + " " + h.typ + " with codes"
	}
	return h.model + " " + h.typ
}

// headTime is the time of one head.
type headTime struct {
	Model    string  `json:"model"`
	Type     string  `json:"type"`
	Codes    bool    `json:"codes"`
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

// timeHead times the op and the dense product of the same weight on the device.
func (d device) timeHead(ctx context.Context, h headShape, rounds int) (headTime, error) {
	shapes, err := synthetic.Shapes([]string{h.model})
	if err != nil {
		return headTime{}, err
	}
	t := headTime{Model: h.model, Type: h.typ, Codes: h.codes, Rows: shapes[0].Vocabulary, Columns: shapes[0].Width}
	codes, err := t.plan()
	if err != nil {
		return headTime{}, err
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	args := append(d.flags(), "--rows", number(t.Rows), "--columns", number(t.Columns), "--type", h.typ,
		"--probes", number(t.Probes), "--rounds", strconv.Itoa(rounds))
	if h.codes {
		args = append(args, "--cluster-size", number(flashhead.CodedClusterSize),
			"--coarse", strconv.Itoa(codes.CoarseBits), "--fine", strconv.Itoa(codes.FineBytes),
			"--near", strconv.Itoa(codes.Near))
	}
	if d.Type == "cpu" {
		args = append(args, "--threads", "1")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(d.lib, benchProgram), args...)
	cmd.Env = process.Environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return headTime{}, fmt.Errorf("%s of %s: %w: %s", benchProgram, h, err, lastLine(string(out)))
	}
	t.Printed = string(out)
	return t, t.read()
}

var (
	denseTime  = regexp.MustCompile(`(?m)^ *dense +([0-9.]+) us`)
	flashTime  = regexp.MustCompile(`(?m)^ *FlashHead +([0-9.]+) us`)
	headsRatio = regexp.MustCompile(`(?m)^ *ratio +([0-9.]+) x`)
)

// read parses the output of the program.
func (t *headTime) read() error {
	for _, f := range []struct {
		pattern *regexp.Regexp
		value   *float64
	}{{denseTime, &t.Dense}, {flashTime, &t.Flash}, {headsRatio, &t.SpeedUp}} {
		found := f.pattern.FindStringSubmatch(t.Printed)
		if found == nil {
			return hint.New("unexpected output of "+benchProgram+": "+lastLine(t.Printed), "build again: make gpu")
		}
		*f.value, _ = strconv.ParseFloat(found[1], 64) // digits, as matched
	}
	return nil
}

// plan sets the clusters and the limit, which is the ratio of the bytes read and written, and returns the codes. The
// dense product reads the weight; FlashHead reads the centroids, the codes and the selected rows. Both write the logits.
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
