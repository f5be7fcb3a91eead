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
	Name   string // BuiltIn, and the names of the files after it
	SHA256 string // of the whole, lower-case hexadecimal
	Kinds  []Kind
}

// Kind is the text of one kind. Every built-in kind has the same weight, and so has each chunk of a user's file,
// because it is what the model is used for.
type Kind struct {
	Name   string // kinds may share one; results are by name
	Data   string // a long text's pieces
	chunks int    // most chunks of each half
	must   bool   // too short a text is an error
}

// A text longer than pieces*pieceBytes is represented by evenly spread pieces, which have far more tokens than are
// used.
const (
	pieces     = 64
	pieceBytes = 16 << 10
)

const otherText = "give a file of plain text, some pages of what the model is used for, or leave --calibrate out"

// ReadText returns the built-in text, by its groups of kinds, followed by the texts at paths, each its own kind.
func ReadText(paths []string) (Text, error) {
	text, sum := Text{Name: BuiltIn}, sha256.New()
	for _, kind := range sampletext.Kinds() {
		text.Kinds = append(text.Kinds, Kind{Name: kind.Group, Data: kind.Text, chunks: builtInChunks})
		fmt.Fprintf(sum, "%s/%s\n%s", kind.Group, kind.Name, kind.Text)
	}
	for _, path := range paths {
		kind, err := readKind(path, sum)
		if err != nil {
			return Text{}, err
		}
		text.Name += ", " + kind.Name
		text.Kinds = append(text.Kinds, kind)
	}
	text.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return text, nil
}

// readKind reads the text at path and writes all of it to sum.
func readKind(path string, sum io.Writer) (Kind, error) {
	file, err := os.Open(path)
	if err != nil {
		return Kind{}, hint.Wrap(err, "check the path and that you may read it")
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New(path + " is not a file")
	}
	if err != nil {
		return Kind{}, hint.Wrap(err, otherText)
	}
	fmt.Fprintf(sum, "\n%s\n", filepath.Base(path))
	size, err := io.Copy(sum, file)
	if err != nil {
		return Kind{}, hint.Wrap(err, "check the disk")
	}
	data, err := excerpt(file, size)
	if err != nil {
		return Kind{}, hint.Wrap(fmt.Errorf("%s: %w", path, err), otherText)
	}
	return Kind{filepath.Base(path), data, fileChunks, true}, nil
}

// excerpt returns a short text as a whole and pieces of a long one. It leaves out invalid UTF-8, such as half a
// character at the end of a piece.
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
		return "", errors.New("this is not text: it has zero bytes")
	}
	return string(data), nil
}
