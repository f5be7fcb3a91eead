package safetensors_test

import (
	"os"
	"testing"
)

// Read must not panic, allocate without bound, or accept a tensor outside the file.
func FuzzRead(f *testing.F) {
	reference, err := os.ReadFile("testdata/reference.safetensors")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(reference)
	for _, d := range defects() {
		f.Add(d.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := read(data)
		if err != nil {
			return
		}
		for _, tensor := range file.Tensors {
			n := tensor.Values()
			if n > 8*int64(len(data)) && n > 0 {
				t.Fatalf("tensor %q has %d values in a file of %d bytes", tensor.Name, n, len(data))
			}
			file.Floats(tensor, 0, make([]float32, n))
			file.Ints(tensor, 0, make([]int64, n))
		}
	})
}
