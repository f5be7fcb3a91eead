package evaluation

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// header is the start of llama-perplexity's file of logits.
type header struct {
	context, vocab, chunks int
	tokens                 []byte // of the text, 4 bytes each
}

var magic = []byte("_logits_")

// readHeader reads a header and checks that it is for chunks of context tokens and vocab tokens to choose from.
func readHeader(r io.Reader, context int, vocab int64) (header, error) {
	var fixed [20]byte
	if _, err := io.ReadFull(r, fixed[:]); err != nil {
		return header{}, short(err)
	}
	number := func(at int) int { return int(int32(binary.LittleEndian.Uint32(fixed[at:]))) }
	h := header{context: number(8), vocab: number(12), chunks: number(16)}
	if !bytes.Equal(fixed[:8], magic) || h.context != context || int64(h.vocab) != vocab || h.chunks < 1 {
		return header{}, hint.New(fmt.Sprintf("the runtime writes logits of %d tokens in %d chunks of %d, not of %d in "+
			"chunks of %d",
			h.vocab, h.chunks, h.context, vocab, context), "use the runtime of fh-ollama build")
	}
	h.tokens = make([]byte, 4*h.context*h.chunks)
	_, err := io.ReadFull(r, h.tokens)
	return h, short(err)
}

// short makes the end of a stream an unexpected one.
func short(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// same reports whether two runs have the same positions of the same text.
func (h header) same(o header) bool {
	return h.context == o.context && h.vocab == o.vocab && h.chunks == o.chunks && slices.Equal(h.tokens, o.tokens)
}

// positions is the number of scored positions: in the second half of each chunk, those before another token.
func (h header) positions() int { return h.chunks * (h.context - 1 - h.context/2) }

// recordBytes is the size of a position's record: scale, smallest log probability, and V values, padded to an even
// number.
func (h header) recordBytes() int { return 8 + 2*((h.vocab+1)/2*2) }

// bytes is the size of all positions' records.
func (h header) bytes() int64 { return int64(h.positions()) * int64(h.recordBytes()) }

// store copies the logits of all positions from r to a temporary file in a folder and calls report for each position.
func store(folder string, h header, r io.Reader, report func(position int)) (*os.File, error) {
	if free, ok := atomicfile.Free(folder); ok && free < h.bytes() {
		return nil, explain(folder, fmt.Errorf("the dense logits take %d MiB, %d are free: %w", h.bytes()>>20+1, free>>20,
			syscall.ENOSPC))
	}
	file, err := os.Create(filepath.Join(folder, "dense"))
	if err != nil {
		return nil, explain(folder, err)
	}
	os.Remove(file.Name()) // if the system allows it, an unlinked file leaves nothing behind
	out := bufio.NewWriterSize(file, 1<<20)
	for position := range h.positions() {
		if _, err := io.CopyN(out, r, int64(h.recordBytes())); err != nil {
			file.Close()
			return nil, explain(folder, short(err))
		}
		report(position)
	}
	if err := out.Flush(); err != nil {
		file.Close()
		return nil, explain(folder, err)
	}
	return file, nil
}

// explain adds a hint if the disk of a temporary folder is full.
func explain(folder string, err error) error {
	if atomicfile.Full(err) {
		return hint.Wrap(fmt.Errorf("%s: %w", filepath.Dir(folder), err),
			"free some space, point FH_OLLAMA_CACHE at another disk, or take fewer --chunks")
	}
	return err
}

// logits are the rounded log probabilities of all tokens at one position. That of token v is scale*values[v] + least.
// Values span at most 16 nats; tokens below have the least value.
type logits struct {
	scale, least float64
	values       []uint16
}

// decode reads a record.
func (l *logits) decode(record []byte) error {
	float := func(at int) float64 {
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(record[at:])))
	}
	l.scale, l.least = float(0), float(4)
	if !(l.scale >= 0 && l.scale < 1 && l.least <= 0 && l.least > -1000) { // also refuses NaN
		return hint.New("the model's logits are not finite numbers at some position",
			"check the file: a sound model has none of these")
	}
	record = record[8:]
	for i := range l.values {
		l.values[i] = binary.LittleEndian.Uint16(record[2*i:])
	}
	return nil
}

// log returns the log probability of a token.
func (l *logits) log(token int32) float64 { return l.scale*float64(l.values[token]) + l.least }

// powers are exp(beta*log probability) for all values: high[v>>8]*low[v&255]. This takes 512 exponentials per position
// instead of V.
type powers struct{ high, low [256]float64 }

func (p *powers) set(l *logits, beta float64) {
	for i := range 256 {
		p.high[i] = math.Exp(beta * l.scale * float64(256*i))
		p.low[i] = math.Exp(beta * (l.scale*float64(i) + l.least))
	}
}

func (p *powers) of(value uint16) float64 { return p.high[value>>8] * p.low[value&255] }
