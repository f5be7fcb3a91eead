package integration

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fh-ollama/fh-ollama/integration/harness"
	"github.com/fh-ollama/fh-ollama/internal/testlevel"
)

// startRPC runs the RPC server of h for one test.
func startRPC(t *testing.T, h host, args ...string) *harness.RPC {
	t.Helper()
	if _, err := os.Stat(h.Lib("ggml-rpc-server")); err != nil {
		t.Fatalf("%v\n  make it with `fh-ollama build --backends cpu,rpc`, or let `make test` do it", err)
	}
	r, err := harness.StartRPC(timeout(t), h.Prefix, t.TempDir(), args, h.env...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	return r
}

// far returns the arguments for a llama-server with all layers on an RPC server.
func far(r *harness.RPC) []string { return []string{"--rpc", r.Address, "-ngl", "99"} }

// bytesOfTokens returns the bytes that 20 more tokens send between a llama-server of h and an RPC server.
func bytesOfTokens(t *testing.T, h host, r *harness.RPC, model string, env ...string) int64 {
	t.Helper()
	l := startLlama(t, h, append([]string{"--model", model, "--threads", "1"}, far(r)...), env...)
	defer l.Stop()
	answer := func(n int) int64 {
		before := r.Bytes()
		tokens, err := l.Greedy(timeout(t), prompts(t, 1)[0], n)
		if err != nil || len(tokens) != n {
			t.Fatalf("%d tokens instead of %d, %v\n%s", len(tokens), n, err, end(l.Log()))
		}
		return r.Bytes() - before
	}
	answer(20) // graphs are sent once
	short := answer(20)
	return answer(40) - short
}

// Local layers that compute as those on an RPC server, which does not repack weights: repacked ones round otherwise, on
// processors with AMX.
var asFar = []string{"--no-repack"}

// A head on an RPC server is computed there: the tokens are those of local FlashHead, and take no more bytes than
// without it.
func TestFarHead(t *testing.T) {
	h := patched(t)
	r := startRPC(t, h)
	for name, model := range map[string]string{"clusters": converted(t), "codes": coded(t)} {
		t.Run(name, func(t *testing.T) {
			const env = "FLASHHEAD_PROBES=20" // few enough to choose otherwise than dense
			want, _ := writes(t, h, model, asFar, env)
			got, log := writes(t, h, model, far(r), env)
			saysOnce(t, log, "active on RPC0", "dense above 8 rows")
			sameTokens(t, "the far head", got, want)
			if got, want := bytesOfTokens(t, h, r, model, env), bytesOfTokens(t, h, r, model,
				"FLASHHEAD_ENABLED=0"); got != want {
				t.Errorf("20 tokens took %d bytes, %d when dense", got, want)
			}
		})
	}
}

// runsDenseFar checks that a converted model runs on an RPC server as if it were not converted.
func runsDenseFar(t *testing.T, r *harness.RPC) {
	t.Helper()
	h := patched(t)
	want, _ := writes(t, h, converted(t), far(r), "FLASHHEAD_ENABLED=0")
	got, log := writes(t, h, converted(t), far(r))
	saysOnce(t, log, "RPC0 (RPC0["+r.Address+"]) has no FlashHead for q8_0 weights and q4_0 centroids; running dense")
	sameTokens(t, "a far head that is dense", got, want)
	if got, want := bytesOfTokens(t, h, r, converted(t)), bytesOfTokens(t, h, r, converted(t),
		"FLASHHEAD_ENABLED=0"); got != want {
		t.Errorf("20 tokens took %d bytes, %d without FlashHead", got, want)
	}
}

// A server of another build never gets an unknown op.
func TestFarServerWithoutFlashHead(t *testing.T) {
	r := startRPC(t, stock(t))
	runsDenseFar(t, r)
	if log := r.Log(); strings.Contains(log, "Unknown command") {
		t.Errorf("the server was sent a command that it does not know:\n%s", end(log))
	}
}

// A server answers for its device.
func TestFarDevice(t *testing.T) {
	testlevel.Long(t)
	t.Run("without the op", func(t *testing.T) {
		runsDenseFar(t, startRPC(t, withDevice(patched(t)), "--device", "FAKE0"))
	})
	t.Run("with the op", func(t *testing.T) {
		h := patched(t)
		r := startRPC(t, withDevice(h, hasOp), "--device", "FAKE0")
		want, _ := writes(t, h, converted(t), asFar)
		got, log := writes(t, h, converted(t), far(r))
		saysOnce(t, log, "active on RPC0")
		sameTokens(t, "the far device", got, want)
		if all := trafficOf(r.Log()); len(all) == 0 || all[len(all)-1].heads < len(got)*16 {
			t.Errorf("the far device did not compute the heads:\n%s", end(r.Log()))
		}
	})
}

// A client of another build works with our server as with its own.
func TestFarServerOfAnotherClient(t *testing.T) {
	testlevel.Long(t)
	h := stock(t)
	own, ours := startRPC(t, h), startRPC(t, patched(t))
	want, _ := writes(t, h, converted(t), far(own))
	got, _ := writes(t, h, converted(t), far(ours))
	sameTokens(t, "a client of another build", got, want)
}

// Through Ollama, which passes its environment to llama-server.
func TestFarHeadInOllama(t *testing.T) {
	testlevel.Long(t)
	h := patched(t)
	r := startRPC(t, h)
	o := serve(t, h, "LLAMA_ARG_RPC="+r.Address)
	register(t, o, "demo", converted(t))
	answer := generate(t, o, "demo", prompt, 24)
	if answer.EvalCount != 24 || !strings.Contains(o.Log(), "flash_head: active on RPC0") {
		t.Errorf("%d tokens %q:\n%s", answer.EvalCount, answer.Response, end(o.Log()))
	}
	local := serve(t, h)
	register(t, local, "demo", converted(t))
	if want := generate(t, local, "demo", prompt, 24).Response; answer.Response != want {
		t.Errorf("far: %q, local: %q", answer.Response, want)
	}
}

// A server refuses a graph whose FlashHead node would access memory out of bounds: it closes the connection and
// continues to serve others.
func TestFarServerRefusesBadHeads(t *testing.T) {
	r := startRPC(t, patched(t))
	for name, op := range map[string]uint32{"a head without sources": opFlashHead, "an op of upstream's": 0} {
		t.Run(name, func(t *testing.T) {
			c := greet(t, r)
			defer c.Close()
			command(t, c, commandGraphCompute, graphOf(op))
			command(t, c, commandDeviceCount, nil)
			var size uint64
			err := binary.Read(c, binary.LittleEndian, &size)
			if op == opFlashHead {
				if !errors.Is(err, io.EOF) {
					t.Errorf("after a bad head the server goes on: %v", err)
				}
				if log := r.Log(); !strings.Contains(log, "FLASH_HEAD refused: a source is missing") {
					t.Errorf("the server does not say why:\n%s", end(log))
				}
			} else if err != nil || size != 4 {
				t.Errorf("a good graph ends the connection: %v", err)
			}
		})
	}
	greet(t, r).Close()
}

// Parts of RPC's protocol (ggml/src/ggml-rpc/ggml-rpc.cpp).
const (
	commandGraphCompute = 10
	commandHello        = 14
	commandDeviceCount  = 15

	opFlashHead = 101 // GGML_OP_FLASH_HEAD

	helloPatch = 243 // FLASH_HEAD_RPC_PATCH_VERSION
)

// farTensor is a tensor in the protocol.
type farTensor struct {
	ID       uint64
	Type     uint32
	Buffer   uint64
	Sizes    [4]uint32
	Strides  [4]uint32
	Op       uint32
	Params   [16]int32
	Flags    int32
	Sources  [10]uint64
	ViewOf   uint64
	ViewFrom uint64
	Data     uint64
	Name     [64]byte
	Uses     int32
}

// graphOf returns a graph for the first device: one op without sources, whose result is one F32 number.
func graphOf(op uint32) []byte {
	var b bytes.Buffer
	node := farTensor{ID: 1, Sizes: [4]uint32{1, 1, 1, 1}, Strides: [4]uint32{4, 4, 4, 4}, Op: op}
	for _, part := range []any{uint32(0), uint32(1), node.ID, uint32(1), node} {
		_ = binary.Write(&b, binary.LittleEndian, part)
	}
	return b.Bytes()
}

// command sends a command.
func command(t *testing.T, c net.Conn, number byte, data []byte) {
	t.Helper()
	message := binary.LittleEndian.AppendUint64([]byte{number}, uint64(len(data)))
	if _, err := c.Write(append(message, data...)); err != nil {
		t.Fatal(err)
	}
}

// greet connects to a server, which must be of our build.
func greet(t *testing.T, r *harness.RPC) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", r.Address)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	const capabilities = 24
	command(t, c, commandHello, make([]byte, capabilities))
	var answer struct {
		Size         uint64
		Version      [4]byte
		Capabilities [capabilities]byte
	}
	if err := binary.Read(c, binary.LittleEndian, &answer); err != nil {
		t.Fatalf("no HELLO: %v\n%s", err, end(r.Log()))
	}
	if answer.Version[2] != helloPatch {
		t.Fatalf("the server's version is %v", answer.Version)
	}
	return c
}
