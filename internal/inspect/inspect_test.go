package inspect_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/fh-ollama/fh-ollama/internal/gguf/gguftest"
	"github.com/fh-ollama/fh-ollama/internal/inspect"
)

func inspected(t *testing.T, file gguftest.File) inspect.Report {
	t.Helper()
	r, err := inspect.File(gguftest.Write(t, "in.gguf", file.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The numbers are worked out by hand for a head of 4096 x 64 F32 (1 MiB) and a body of 1 + bodyRows rows of 256 bytes.
func TestReport(t *testing.T) {
	for name, c := range map[string]struct {
		bodyRows int
		worth    bool
		verdict  string
	}{
		"small body": {1000, true, "worth it: fh-ollama on"},
		"large body": {100000, false, "not worth it"},
	} {
		t.Run(name, func(t *testing.T) {
			file := gguftest.Model(4096, 64)
			file.Tensors[2] = gguftest.T("blk.0.ffn_up.weight", gguftest.TypeF32, make([]byte, 256*c.bodyRows), 64,
				uint64(c.bodyRows))
			r := inspected(t, file)
			body, head := float64(256+256*c.bodyRows), float64(1<<20)
			// 64 clusters, so one probe by default; 36 bytes a q4_0 centroid; 64 rows of 256 bytes a cluster; codes of 20
			// and 32 bytes, two more for a scale, the second for one token in 10; 64 directions
			codes := float64(64*36 + 4096*22 + 410*34 + 4*64*64)
			near(t, "default", r.Expected[0].Ratio, (body+head)/(body+codes+64*256))
			near(t, "read", r.ReadShare, (codes+64*256)/head)
			near(t, "memory", r.MemoryShare, (64*36+4096*(22+34+4)+4*64*64)/head)
			near(t, "free head", r.FreeHead, (body+head)/body)
			near(t, "share", r.Head.Share, head/(body+head))
			if len(r.Expected) != 1 || r.Expected[0].Probes != 1 || r.Clusters != 64 || r.WorthIt != c.worth ||
				r.Converted || r.Sound {
				t.Errorf("%+v", r)
			}
			if !strings.Contains(r.String(), c.verdict) || !strings.Contains(r.String(), "not in the file") {
				t.Errorf("verdict:\n%s", r)
			}
			if data, err := json.Marshal(r); err != nil || !strings.Contains(string(data), `"converted":false`) {
				t.Errorf("JSON: %s, %v", data, err)
			}
		})
	}
}

func TestCalibratedReport(t *testing.T) {
	file := gguftest.Model(4096, 64)
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
	r := inspected(t, file)
	if !r.Sound {
		t.Fatalf("%+v", r)
	}
	for _, want := range []string{
		"codes       16 bits a token, 32 bytes more for the best 512, of which the best 128 are scored exactly\n",
		"calibrated  with mails.txt: 2600 positions, measured at 2400 others: same top 99.86 %, KLD 0.0044\n",
		"worst kind  code: same top 99.80 %, KLD 0.0050\n",
		"note        the target of same top 99.85 % was not reached\n",
	} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("%q is not in the report:\n%s", want, r)
		}
	}
	data, err := json.Marshal(r)
	for _, want := range []string{`"coarse_bits":16`,
		`"calibration":{"text_sha256":"abc","text_name":"mails.txt","tokens":5000`,
		`"target_agreement":0.9985,"reached":false`,
		`"kinds":[{"name":"mails"`, `"exact_tokens":128`} {
		if err != nil || !strings.Contains(string(data), want) {
			t.Errorf("%s is not in %s, %v", want, data, err)
		}
	}
	body, head := float64(r.BodyBytes), float64(1<<20)
	// 128 q4_0 centroids; 4096 coarse codes of 4 bytes and 512 fine ones of 34; 8 directions; 4*32 rows
	near(t, "ceiling", r.Expected[0].Ratio, (body+head)/(body+128*36+4096*4+512*34+8*64*4+4*32*256))
}

func TestDamagedReport(t *testing.T) {
	file := gguftest.Model(4096, 64)
	file.KVs = append(file.KVs, gguftest.V("flashhead.version", uint32(3)),
		gguftest.V("flashhead.assignments", gguftest.A([]uint32{1})))
	r := inspected(t, file)
	if !r.Converted || r.Sound || len(r.Problems) < 4 || r.Parameters != nil {
		t.Errorf("%+v", r)
	}
	for _, want := range []string{"version is 3", "1 entries for 4096 tokens", "convert --force"} {
		if !strings.Contains(r.String(), want) {
			t.Errorf("%q is not in the report:\n%s", want, r)
		}
	}
}

// A file with nothing but a head causes no division by zero.
func TestHeadAlone(t *testing.T) {
	file := gguftest.File{Tensors: []gguftest.Tensor{gguftest.T("output.weight", gguftest.TypeF32, make([]byte, 64*4*3),
		64, 3)}}
	r := inspected(t, file)
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9 {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// Text from a file cannot control the terminal or fake a line of the report.
func TestHostileText(t *testing.T) {
	file := gguftest.Model(4096, 64)
	file.KVs[0] = gguftest.V("general.architecture", "llama\nverdict     worth it\x1b[2J\a")
	r := inspected(t, file)
	if text := r.String(); strings.ContainsAny(text, "\x1b\a") || strings.Count(text, "\nverdict ") != 1 {
		t.Errorf("the report is %q", text)
	}
}

func TestBias(t *testing.T) {
	file := gguftest.Model(4096, 64)
	file.Tensors = append(file.Tensors, gguftest.T("output.bias", gguftest.TypeF32, make([]byte, 4*4096), 4096))
	r := inspected(t, file)
	if r.Obstacle != "" || !r.Head.Bias || !strings.Contains(r.String(), "tied to the token embedding, with a bias\n") {
		t.Errorf("%+v\n%s", r, r)
	}
	if plain := inspected(t, gguftest.Model(4096, 64)); plain.Head.Bias || strings.Contains(plain.String(), "bias") {
		t.Errorf("%+v", plain)
	}
}

func TestObstacle(t *testing.T) {
	file := gguftest.Model(4096, 64)
	file.KVs[0] = gguftest.V("general.architecture", "dream")
	file.Tensors = append(file.Tensors, gguftest.T("output.bias", gguftest.TypeF32, make([]byte, 4*4096), 4096))
	r := inspected(t, file)
	if r.WorthIt || !strings.Contains(r.Obstacle, "has a bias") ||
		!strings.Contains(r.String(), "\nverdict     FlashHead cannot speed up this dream model") {
		t.Errorf("%+v\n%s", r, r)
	}
	if strings.Contains(r.String(), "expected") {
		t.Errorf("a speed-up is promised:\n%s", r)
	}
}
