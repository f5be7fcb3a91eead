package convert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// digests are lower-case hex SHA-256 sums of one file.
type digests struct {
	whole string
	data  string // of the tensor data
}

// digest reads the file at path once; its tensor data begins at dataStart.
func digest(ctx context.Context, path string, dataStart int64) (digests, error) {
	file, err := os.Open(path)
	if err != nil {
		return digests{}, err
	}
	defer file.Close()
	whole, data := sha256.New(), sha256.New()
	in := stoppable{ctx, file}
	buf := make([]byte, 1<<20)
	if _, err := io.CopyBuffer(whole, io.LimitReader(in, dataStart), buf); err != nil {
		return digests{}, err
	}
	if _, err := io.CopyBuffer(io.MultiWriter(whole, data), in, buf); err != nil {
		return digests{}, err
	}
	return digests{hex.EncodeToString(whole.Sum(nil)), hex.EncodeToString(data.Sum(nil))}, nil
}

// stoppable is a reader that fails when its context ends.
type stoppable struct {
	ctx context.Context
	io.Reader
}

// Read reads unless the context has ended.
func (s stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.Reader.Read(p)
}

// verify reads the finished file at path and compares it with the source and with the intended keys.
func (j *job) verify(ctx context.Context, path string, source digests) error {
	fail := func(err error) error {
		return hint.Wrap(fmt.Errorf("the written file is not right: %w", err),
			"check the disk; if the source was being changed, try again")
	}
	out, err := flashhead.OpenConverted(path)
	if err != nil {
		return fail(err)
	}
	defer out.Close()
	if !slices.EqualFunc(j.src.Tensors, out.Tensors, func(a, b gguf.Tensor) bool { return reflect.DeepEqual(a, b) }) {
		return fail(errors.New("its tensors are not those of the source"))
	}
	if !reflect.DeepEqual(out.Parameters, j.params) {
		return fail(errors.New("its FlashHead keys are not those that were to be written"))
	}
	got, err := digest(ctx, path, out.DataStart)
	if err != nil {
		return fail(err)
	}
	if got.data != source.data {
		return fail(errors.New("its tensor data is not that of the source"))
	}
	return nil
}
