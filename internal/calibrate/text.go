package calibrate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/sampletext"
)

// BuiltIn is the name of the text that comes with the program.
const BuiltIn = "builtin"

// Text is the text to calibrate with.
type Text struct {
	Name   string // of its file, or BuiltIn
	SHA256 string // of the whole, lower-case hexadecimal
	Kinds  []Kind
}

// Kind is the text of one kind. All kinds weigh the same.
type Kind struct {
	Name string // several may share one: results are told for each name
	Data string // of a long text, pieces from all over it
}

// A text longer than pieces*pieceBytes is represented by as many evenly spread pieces: more tokens than are used, by
// far.
const (
	pieces     = 64
	pieceBytes = 16 << 10
)

const otherText = "give a file of plain text, some pages of what the model is used for"

// ReadText reads the text at path, or the one that comes with the program if that is BuiltIn.
func ReadText(path string) (Text, error) {
	if path == BuiltIn {
		return builtIn(), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return Text{}, hint.Wrap(err,
			"check the path and that you may read it; the text that comes with this program is called "+BuiltIn)
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New(path + " is not a file")
	}
	if err != nil {
		return Text{}, hint.Wrap(err, otherText)
	}
	sum := sha256.New()
	size, err := io.Copy(sum, file)
	if err != nil {
		return Text{}, hint.Wrap(err, "check the disk")
	}
	data, err := excerpt(file, size)
	if err != nil {
		return Text{}, hint.Wrap(fmt.Errorf("%s: %w", path, err), otherText)
	}
	name := filepath.Base(path)
	return Text{name, hex.EncodeToString(sum.Sum(nil)), []Kind{{name, data}}}, nil
}

// builtIn is the text that comes with the program, named by its groups of kinds.
func builtIn() Text {
	text, sum := Text{Name: BuiltIn}, sha256.New()
	for _, kind := range sampletext.Kinds() {
		text.Kinds = append(text.Kinds, Kind{kind.Group, kind.Text})
		fmt.Fprintf(sum, "%s/%s\n%s", kind.Group, kind.Name, kind.Text)
	}
	text.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return text
}

// excerpt returns a short text whole, pieces of a long one. What is not UTF-8, such as half a character at the end of a
// piece, is left out.
func excerpt(text io.ReaderAt, size int64) (string, error) {
	offsets, length := []int64{0}, size
	if size > pieces*pieceBytes {
		length = pieceBytes
		offsets = nil
		for i := range int64(pieces) {
			offsets = append(offsets, i*(size-length)/(pieces-1))
		}
	}
	var data []byte
	for _, offset := range offsets {
		piece := make([]byte, length)
		if n, err := text.ReadAt(piece, offset); n < len(piece) {
			return "", err
		}
		data = append(data, bytes.ToValidUTF8(piece, nil)...)
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return "", errors.New("this is no text: it has zero bytes")
	}
	return string(data), nil
}
