package process

import (
	"slices"
	"testing"
)

func TestPass(t *testing.T) {
	environ := []string{"HOME=/h", "LC_ALL=C", "PIP_INDEX_URL=u", "https_proxy=p", "CCACHE_DIR=/c",
		"CUDA_VISIBLE_DEVICES=1",
		"LD_LIBRARY_PATH=/x", "LD_PRELOAD=/x.so", "CFLAGS=-O0", "CPATH=/x", "GOFLAGS=-mod=vendor", "GIT_DIR=/x",
		"CMAKE_GENERATOR=X",
		"GGML_BACKEND_PATH=/x.so", "LLAMA_ARG_THREADS=9", "PYTHONPATH=/x", "DYLD_INSERT_LIBRARIES=/x", "NVCC_APPEND_FLAGS=-G"}
	want := environ[:6]
	if got := Pass(environ); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := Pass(environ, "GIT_DIR"); !slices.Equal(got, append(slices.Clone(want), "GIT_DIR=/x")) {
		t.Errorf("with GIT_DIR: %q", got)
	}
	got := Pass(append([]string{PassVariable + "=LD_LIBRARY_PATH,CPATH"}, environ...))
	if !slices.Equal(got, append(slices.Clone(want), "LD_LIBRARY_PATH=/x", "CPATH=/x")) {
		t.Errorf("with %s: %q", PassVariable, got)
	}
}
