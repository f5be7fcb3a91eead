package flashhead

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// Cost counts the bytes of weights read per token. Decoding is memory-bound, so ratios of bytes bound the speed-up.
// Attention over the context, barriers and the sampler are not included. With a tolerance the bytes differ from token
// to token: Cost then has the average over the calibration's text, or else the minimum.
type Cost struct {
	Body      int64   // everything but the head
	Head      int64   // the dense head
	Centroids int64   // all centroids
	Codes     int64   // coarse codes, fine codes of near tokens, directions of the activations; 0 without codes
	Probe     float64 // the rows of one cluster, on average; with codes, the same number of single rows
	Rows      float64 // the fewest rows read, however few clusters are probed
	Memory    int64   // extra memory: centroids, codes and the clusters of all tokens

	Always, Fine, Row float64 // the part of Codes that is always read; a token's fine code; its row
}

// listBytes is the memory for a token's cluster.
const listBytes = 4

// NewCost counts what f reads for one token. It uses p's number of clusters, type of centroids and codes.
func NewCost(f *gguf.File, head Head, p Parameters) Cost {
	c := Cost{
		Body:      bodyBytes(f, head),
		Head:      head.Tensor.Bytes,
		Centroids: int64(p.Clusters) * p.CentroidType.RowBytes(head.Width()),
		Probe:     float64(head.Tensor.Bytes) / float64(p.Clusters),
	}
	near := float64(p.Codes.Near)
	if p.Calibration != nil && p.Codes.There() {
		near = max(near, float64(p.Calibration.Near))
		c.Rows = float64(p.Calibration.Exact) * float64(head.Tensor.Bytes) / float64(head.Vocab())
	}
	c.Row = float64(head.Tensor.Bytes) / float64(head.Vocab())
	c.Always, c.Fine = p.Codes.Bytes(head)
	c.Codes = int64(c.Always + near*c.Fine)
	c.Memory = int64(c.Always + float64(head.Vocab())*c.Fine)
	c.Memory += c.Centroids + listBytes*head.Vocab()
	return c
}

// ReadShare returns the share of the dense head's bytes read with the given number of probes, 0..1 and more.
func (c Cost) ReadShare(probes uint32) float64 { return c.Probed(probes) / float64(max(c.Head, 1)) }

// Reads describes what the runtime reads of the head with p.
func (c Cost) Reads(p Parameters) string {
	text := fmt.Sprintf("%.1f %% of the head's bytes a token", 100*c.ReadShare(p.Probes))
	switch {
	case p.Codes.Tolerance > 0 && c.Rows > 0:
		text += " on average"
	case p.Codes.Tolerance > 0:
		text += " or more"
	}
	return text
}

// MemoryShare returns Memory as a share of the dense head's bytes.
func (c Cost) MemoryShare() float64 { return float64(c.Memory) / float64(max(c.Head, 1)) }

// HeadShare returns the dense head's share of the bytes, 0..1.
func (c Cost) HeadShare() float64 { return float64(c.Head) / float64(c.Body+c.Head) }

// Probed returns the bytes of the head read with the given number of probes, without pinned tokens.
func (c Cost) Probed(probes uint32) float64 {
	return float64(c.Centroids+c.Codes) + max(float64(probes)*c.Probe, c.Rows)
}

// Counted returns the head's bytes when near fine codes are read and exact tokens are scored.
func (c Cost) Counted(near, exact float64) float64 {
	return float64(c.Centroids) + c.Always + near*c.Fine + exact*c.Row
}

// WorthIt is the least Ceiling for which FlashHead pays.
const WorthIt = 1.05

// Ceiling returns the ratio of bytes read, dense over FlashHead with the given number of probes.
func (c Cost) Ceiling(probes uint32) float64 {
	return float64(c.Body+c.Head) / (float64(c.Body) + c.Probed(probes))
}

// FreeHead returns what the ceiling would be if the head cost nothing.
func (c Cost) FreeHead() float64 { return float64(c.Body+c.Head) / float64(max(c.Body, 1)) }

// lookups are tensors of which a token needs one row.
var lookups = map[string]bool{
	"token_embd.weight": true, "per_layer_token_embd.weight": true, "position_embd.weight": true,
	"token_types.weight": true,
}

// aside are prefixes of tensors that text generation does not read: vision, audio, encoders.
var aside = []string{"v.", "mm.", "a.", "vision.", "audio.", "enc."}

// bodyBytes counts the matrices read for one token, without the head's. MTP blocks serve speculative decoding; they
// count only in a file that has nothing else, which is a draft.
func bodyBytes(f *gguf.File, head Head) int64 {
	arch, _ := f.Str("general.architecture")
	experts, _ := f.Uint(arch + ".expert_count")
	used, _ := f.Uint(arch + ".expert_used_count")
	blocks, _ := f.Uint(arch + ".block_count")
	predictors, _ := f.Uint(arch + ".nextn_predict_layers")
	draft := predictors > 0 && !slices.ContainsFunc(f.Tensors, func(t gguf.Tensor) bool {
		return strings.HasPrefix(t.Name, "blk.") && !isPredictor(t.Name, blocks, predictors)
	})

	total := int64(0)
	for _, t := range f.Tensors {
		switch {
		case len(t.Shape) < 2 || isAside(t.Name) || isPredictor(t.Name, blocks, predictors) && !draft:
		case lookups[t.Name]:
			total += t.Type.RowBytes(t.Columns())
		case t.Name == head.Tensor.Name:
		case strings.Contains(t.Name, "_exps.") && 0 < used && used < experts:
			total += int64(float64(t.Bytes) * float64(used) / float64(experts))
		default:
			total += t.Bytes
		}
	}
	return total
}

// isAside reports whether text generation does not read a tensor.
func isAside(name string) bool {
	return slices.ContainsFunc(aside, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// isPredictor reports whether a tensor belongs to a block for multi-token prediction, which decoding one token does not
// read. Such blocks come last.
func isPredictor(name string, blocks, predictors uint64) bool {
	if strings.HasPrefix(name, "mtp.") || strings.HasPrefix(name, "nextn.") {
		return true
	}
	var block uint64
	if n, _ := fmt.Sscanf(name, "blk.%d.", &block); n == 1 && predictors > 0 && predictors <= blocks &&
		block >= blocks-predictors {
		return true
	}
	return strings.Contains(name, ".nextn.")
}
