package safetensors

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
)

// metadataName is the header's entry for metadata, a map of strings.
const metadataName = "__metadata__"

// parse reads a header and checks that its tensors fill size bytes of data without gaps and overlaps.
func parse(header []byte, size int64) ([]Tensor, error) {
	if !bytes.HasPrefix(header, []byte("{")) {
		return nil, errors.New("the header does not begin with {")
	}
	members, err := ParseObject(header)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	var tensors []Tensor
	for _, name := range slices.Sorted(maps.Keys(members)) { // sorted: errors and ties do not change
		if name == metadataName {
			var texts map[string]*string
			if err := json.Unmarshal(members[name], &texts); err != nil ||
				slices.Contains(slices.Collect(maps.Values(texts)), nil) {
				return nil, errors.New(metadataName + " is not a map of strings")
			}
			continue
		}
		t, err := parseTensor(members[name])
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		t.Name = name
		tensors = append(tensors, t)
	}
	slices.SortStableFunc(tensors, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(a.begin, b.begin), cmp.Compare(a.end, b.end))
	})
	at := int64(0)
	for _, t := range tensors {
		if t.begin != at {
			return nil, fmt.Errorf("the data of tensor %q begins at %d, not at %d", t.Name, t.begin,
				at)
		}
		at = t.end
	}
	switch {
	case at > size:
		return nil, fmt.Errorf("the tensors have %d bytes of data, the file has %d: it is truncated", at, size)
	case at < size:
		return nil, fmt.Errorf("the tensors have %d bytes of data, the file has %d", at, size)
	}
	return tensors, nil
}

func parseTensor(text json.RawMessage) (Tensor, error) {
	members, err := ParseObject(text)
	if err != nil {
		return Tensor{}, err
	}
	var t Tensor
	if err := json.Unmarshal(members["dtype"], &t.DType); err != nil || t.DType == "" {
		return Tensor{}, errors.New("no dtype")
	}
	width, ok := widths[t.DType]
	if !ok {
		return Tensor{}, fmt.Errorf("unknown dtype %q", t.DType)
	}
	if t.Shape, err = numbers(members["shape"]); err != nil {
		return Tensor{}, fmt.Errorf("shape: %w", err)
	}
	offsets, err := numbers(members["data_offsets"])
	if err != nil || len(offsets) != 2 || offsets[0] > offsets[1] {
		return Tensor{}, fmt.Errorf("data_offsets %.100s are not two numbers in order", members["data_offsets"])
	}
	t.begin, t.end = offsets[0], offsets[1]
	size := width
	for _, d := range t.Shape {
		over, product := bits.Mul64(size, uint64(d))
		if over != 0 || product > math.MaxInt64 {
			return Tensor{}, fmt.Errorf("shape %v is too large", t.Shape)
		}
		size = product
	}
	if size%8 != 0 {
		return Tensor{}, fmt.Errorf("shape %v of %s does not fill whole bytes", t.Shape, t.DType)
	}
	if uint64(t.end-t.begin) != size/8 {
		return Tensor{}, fmt.Errorf("%d bytes of data for shape %v of %s, which takes %d", t.end-t.begin, t.Shape, t.DType,
			size/8)
	}
	return t, nil
}

// numbers reads a list of integers that are not negative.
func numbers(text json.RawMessage) ([]int64, error) {
	var list []*int64
	if err := json.Unmarshal(text, &list); err != nil || list == nil {
		return nil, fmt.Errorf("%.100s is not a list of integers below 2^63", text)
	}
	out := make([]int64, len(list))
	for i, n := range list {
		if n == nil || *n < 0 {
			return nil, fmt.Errorf("%.100s has a negative number or null", text)
		}
		out[i] = *n
	}
	return out, nil
}
