package integration

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"slices"
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
	l := startLlama(t, h, append([]string{"--model", model}, far(r)...), env...)
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

// A server refuses a graph whose FlashHead node would access memory out of bounds: it closes the connection, says why,
// and continues to serve others. test-flash-head-rpc has every such node.
func TestFarServerRefusesBadHeads(t *testing.T) {
	r := startRPC(t, patched(t))
	// Parts of RPC's protocol (ggml/src/ggml-rpc/ggml-rpc.cpp): a command is its number, a length and as many bytes.
	const (
		graphCompute, hello = 10, 14
		opFlashHead         = 101 // GGML_OP_FLASH_HEAD
	)
	command := func(number byte, data []byte) []byte {
		return append(binary.LittleEndian.AppendUint64([]byte{number}, uint64(len(data))), data...)
	}
	// A graph of one node, for the first device: an op without sources, whose result is one F32 number.
	node := struct {
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
	}{ID: 1, Sizes: [4]uint32{1, 1, 1, 1}, Strides: [4]uint32{4, 4, 4, 4}, Op: opFlashHead}
	var graph bytes.Buffer
	for _, part := range []any{uint32(0), uint32(1), node.ID, uint32(1), node} {
		_ = binary.Write(&graph, binary.LittleEndian, part)
	}
	c, err := net.Dial("tcp", r.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	_, err = c.Write(slices.Concat(command(hello, make([]byte, 24)), command(graphCompute, graph.Bytes())))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); err != nil { // up to the end
		t.Errorf("after a bad head the server goes on: %v", err)
	}
	if log := r.Log(); !strings.Contains(log, "FLASH_HEAD refused: a source is missing") {
		t.Errorf("the server does not say why:\n%s", end(log))
	}
	if _, log := writes(t, patched(t), converted(t), far(r)); !strings.Contains(log, "active on RPC0") {
		t.Errorf("the server does not go on:\n%s", end(log))
	}
}
