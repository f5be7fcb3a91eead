package flashhead_test

import (
	"math"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
)

// matrix returns a tensor of q8_0: rows of 64 values take 68 bytes.
func matrix(name string, rows ...uint64) gguftest.Tensor {
	n := uint64(68)
	for _, r := range rows {
		n *= r
	}
	return gguftest.T(name, gguftest.TypeQ8_0, make([]byte, n), append([]uint64{64}, rows...)...)
}

// TestCost compares with numbers worked out by hand.
func TestCost(t *testing.T) {
	vector := gguftest.T("output_norm.weight", gguftest.TypeF32, make([]byte, 256), 64)
	arch := gguftest.V("general.architecture", "m")
	for name, c := range map[string]struct {
		file gguftest.File
		body int64
	}{
		// one row of the embedding (68) and 100 rows of body; vectors do not count
		"tied": {gguftest.File{KVs: []gguftest.KV{arch}, Tensors: []gguftest.Tensor{
			matrix("token_embd.weight", 160), vector, matrix("blk.0.ffn_up.weight", 100)}}, 68 + 6800},
		"untied": {gguftest.File{KVs: []gguftest.KV{arch}, Tensors: []gguftest.Tensor{
			matrix("token_embd.weight", 500), vector, matrix("output.weight", 160), matrix("blk.0.ffn_up.weight", 100)}}, 68 +
			6800},
		// 2 of 8 experts: a quarter of 8 * 40 rows; the router and the shared expert count in full
		"experts": {gguftest.File{KVs: []gguftest.KV{arch, gguftest.V("m.expert_count", uint32(8)),
			gguftest.V("m.expert_used_count", uint32(2))},
			Tensors: []gguftest.Tensor{matrix("token_embd.weight", 160), matrix("blk.0.ffn_up_exps.weight", 40, 8),
				matrix("blk.0.ffn_gate_inp.weight", 8), matrix("blk.0.ffn_up_shexp.weight", 10)}}, 68 + 68*(80+8+10)},
		"vision and predictors": {gguftest.File{KVs: []gguftest.KV{arch, gguftest.V("m.block_count", uint32(3)),
			gguftest.V("m.nextn_predict_layers", uint32(1))},
			Tensors: []gguftest.Tensor{matrix("token_embd.weight", 160), matrix("v.blk.0.attn_q.weight", 64),
				matrix("mm.0.weight", 64),
				matrix("blk.1.ffn_up.weight", 100), matrix("blk.2.ffn_up.weight", 100), matrix("blk.1.nextn.eh_proj.weight", 9),
				matrix("mtp.fc.weight", 9)}}, 68 + 6800},
		// a draft, which is a predictor and nothing else
		"predictors alone": {gguftest.File{KVs: []gguftest.KV{arch, gguftest.V("m.block_count", uint32(3)),
			gguftest.V("m.nextn_predict_layers", uint32(1))},
			Tensors: []gguftest.Tensor{matrix("token_embd.weight", 160), matrix("blk.2.ffn_up.weight", 91),
				matrix("blk.2.nextn.eh_proj.weight", 9)}}, 68 + 6800},
		"lookup by layer": {gguftest.File{KVs: []gguftest.KV{arch}, Tensors: []gguftest.Tensor{
			matrix("token_embd.weight", 160), matrix("per_layer_token_embd.weight", 160), matrix("blk.0.ffn_up.weight",
				100)}}, 2*68 + 6800},
	} {
		t.Run(name, func(t *testing.T) {
			f := read(t, c.file)
			cost := flashhead.NewCost(f, head(t, f), flashhead.Parameters{Clusters: 10, CentroidType: 2 /* q4_0 */})
			// head: 160 rows of 68; 10 centroids of 64 q4_0 values, 36 bytes each; a cluster: 16 rows
			want := flashhead.Cost{Body: c.body, Head: 10880, Centroids: 360, Probe: 1088, Memory: 360 + 4*160, Row: 68}
			if cost != want {
				t.Fatalf("%+v, want %+v", cost, want)
			}
			near(t, "share", cost.HeadShare(), 10880/float64(c.body+10880))
			near(t, "ceiling at 2", cost.Ceiling(2), float64(c.body+10880)/float64(c.body+360+2176))
			near(t, "free head", cost.FreeHead(), float64(c.body+10880)/float64(c.body))
		})
	}
}

// TestCostOfCodes has 170 tokens of 24 coarse bits and 32 fine bytes, of which 50 are near, and 6 directions of 64
// numbers.
func TestCostOfCodes(t *testing.T) {
	f := read(t, gguftest.File{Tensors: []gguftest.Tensor{matrix("token_embd.weight", 170),
		matrix("blk.0.ffn_up.weight", 100)}})
	cost := flashhead.NewCost(f, head(t, f), flashhead.Parameters{Clusters: 10, CentroidType: 2,
		Codes: flashhead.Codes{CoarseBits: 24, FineBytes: 32, Near: 50, Directions: 6}})
	near(t, "counted", cost.Counted(60, 7), float64(10*36+170*(3+2)+6*64*4+60*(32+2)+7*68))
	if want := int64(170*(3+2) + 50*(32+2) + 6*64*4); cost.Codes != want {
		t.Errorf("%d bytes, want %d", cost.Codes, want)
	}
	if want := int64(10*36 + 170*(4+3+2+32+2) + 6*64*4); cost.Memory != want {
		t.Errorf("%d bytes of memory, want %d", cost.Memory, want)
	}
	near(t, "3 probes", cost.Probed(3), float64(10*36+cost.Codes)+3*17*68)
	near(t, "read", cost.ReadShare(3), cost.Probed(3)/(170*68))
	near(t, "memory", cost.MemoryShare(), float64(cost.Memory)/(170*68))
	near(t, "ceiling at 3", cost.Ceiling(3), (68+6800+170*68)/(68+6800+cost.Probed(3)))
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
