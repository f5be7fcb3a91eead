package native

import (
	"encoding/binary"
	"fmt"
	"os"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// writeWords writes little-endian uint32 values for the tool.
func writeWords(path string, words []uint32) error {
	data, _ := binary.Append(nil, binary.LittleEndian, words)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return hint.Wrap(err, elsewhere)
	}
	return nil
}

// readAllWords reads all little-endian uint32 values of a file.
func readAllWords(path string) ([]uint32, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, hint.Wrap(err, rebuild)
	}
	return readWords(path, info.Size()/4, "numbers")
}

// readWords reads exactly n little-endian uint32 values; what names them in errors.
func readWords(path string, n int64, what string) ([]uint32, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, hint.Wrap(err, rebuild)
	}
	if int64(len(data)) != 4*n {
		return nil, hint.New(fmt.Sprintf("%s wrote %d bytes for %d %s", toolName, len(data), n, what), rebuild)
	}
	words := make([]uint32, n)
	_, err = binary.Decode(data, binary.LittleEndian, words)
	return words, err
}
