package inspect_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/inspect"
)

// The report names what matters, in text and JSON. inspect.txtar has that of the bundled model.
func TestReport(t *testing.T) {
	bias := gguftest.T("output.bias", gguftest.TypeF32, make([]byte, 4*4096), 4096)
	for name, c := range map[string]struct {
		change      func(*gguftest.File)
		want, wrong []string
	}{
		"small body": {func(f *gguftest.File) {}, []string{"not in the file\n", "\nverdict     worth it: fh-ollama on ",
			"tied to the token embedding\n", `"converted":false`, `"worth_it":true`}, nil},
		"large body": {func(f *gguftest.File) {
			f.Tensors[2] = gguftest.T("blk.0.ffn_up.weight", gguftest.TypeF32, make([]byte, 256*100000), 64, 100000)
		}, []string{"\nverdict     not worth it", `"worth_it":false`}, nil},
		"calibrated": {calibrated, []string{
			"codes       16 bits a token, 32 bytes more for the best 512, of which the best 128 are scored exactly\n",
			"calibrated  with mails.txt: 2600 positions, measured at 2400 others: same top 99.86 %, KLD 0.0044\n",
			"worst kind  code: same top 99.80 %, KLD 0.0050\n",
			"note        the target of same top 99.85 % was not reached\n",
			`"coarse_bits":16`, `"calibration":{"text_sha256":"abc","text_name":"mails.txt","tokens":5000`,
			`"target_agreement":0.9985,"reached":false`, `"kinds":[{"name":"mails"`, `"exact_tokens":128`, `"sound":true`,
		}, nil},
		"damaged": {func(f *gguftest.File) {
			f.KVs = append(f.KVs, gguftest.V("flashhead.version", uint32(3)),
				gguftest.V("flashhead.assignments", gguftest.A([]uint32{1})))
		}, []string{"version is 3", "1 entries for 4096 tokens", "convert --force", `"converted":true`, `"sound":false`},
			[]string{`"parameters"`}},
		"nothing but a head": {func(f *gguftest.File) { // no division by zero
			*f = gguftest.File{Tensors: []gguftest.Tensor{gguftest.T("output.weight", gguftest.TypeF32, make([]byte, 64*4*3),
				64, 3)}}
		}, []string{"3 x 64, untied\n"}, nil},
		// Text from a file cannot control the terminal or fake a line of the report.
		"hostile text": {func(f *gguftest.File) {
			f.KVs[0] = gguftest.V("general.architecture", "llama\nverdict     worth it\x1b[2J\a")
		}, nil, []string{"\x1b", "\a", "\nverdict     worth it\ufffd"}},
		"bias": {func(f *gguftest.File) { f.Tensors = append(f.Tensors, bias) },
			[]string{"tied to the token embedding, with a bias\n", `"bias":true`}, []string{`"obstacle"`}},
		"obstacle": {func(f *gguftest.File) {
			f.KVs[0] = gguftest.V("general.architecture", "dream")
			f.Tensors = append(f.Tensors, bias)
		}, []string{"\nverdict     FlashHead cannot speed up this dream model", "has a bias", `"worth_it":false`},
			[]string{"\nexpected "}},
	} {
		t.Run(name, func(t *testing.T) {
			file := gguftest.Model(4096, 64)
			c.change(&file)
			r, err := inspect.File(gguftest.Write(t, "in.gguf", file.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			data, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			said := r.String() + string(data)
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("no %q in %s", want, said)
				}
			}
			for _, wrong := range c.wrong {
				if strings.Contains(said, wrong) {
					t.Errorf("%q is in %s", wrong, said)
				}
			}
		})
	}
}

// calibrated adds a map with codes that were fitted to text.
func calibrated(file *gguftest.File) {
	assignments := make([]uint32, 4096)
	for i := range assignments {
		assignments[i] = uint32(i / 32)
	}
	file.KVs = append(file.KVs, gguftest.V("flashhead.version", uint32(2)),
		gguftest.V("flashhead.cluster_count", uint32(128)),
		gguftest.V("flashhead.assignments", gguftest.A(assignments)), gguftest.V("flashhead.probe_count", uint32(4)),
		gguftest.V("flashhead.centroid_type", "q4_0"), gguftest.V("flashhead.code.coarse_bits", uint32(16)),
		gguftest.V("flashhead.code.fine_bytes", uint32(32)), gguftest.V("flashhead.code.near_tokens", uint32(512)),
		gguftest.V("flashhead.code.rows", gguftest.A(make([]float32, 8*64))), gguftest.V("flashhead.code.activations",
			gguftest.A(make([]float32, 8*64))),
		gguftest.V("flashhead.code.variances", gguftest.A(make([]float32, 8))),
		gguftest.V("flashhead.code.weights", gguftest.A(make([]float32, 64))),
		gguftest.V("flashhead.calibration.text_sha256", "abc"), gguftest.V("flashhead.calibration.text_name", "mails.txt"),
		gguftest.V("flashhead.calibration.tokens", uint32(5000)), gguftest.V("flashhead.calibration.held_out", uint32(2400)),
		gguftest.V("flashhead.calibration.target_agreement", float32(0.9985)),
		gguftest.V("flashhead.calibration.kinds", gguftest.A([]string{"mails", "code"})),
		gguftest.V("flashhead.calibration.positions", gguftest.A([]uint32{1400, 1000})),
		gguftest.V("flashhead.calibration.same_top", gguftest.A([]float32{0.999, 0.998})),
		gguftest.V("flashhead.calibration.kld", gguftest.A([]float32{0.004, 0.005})),
		gguftest.V("flashhead.calibration.reached", false))
}
