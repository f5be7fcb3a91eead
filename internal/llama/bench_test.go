package llama

import (
	"strings"
	"testing"
)

const (
	promptLine = `{"build_commit": "0c1e57098", "cpu_info": "AMD EPYC", "backends": "CPU", ` +
		`"n_prompt": 64, "n_gen": 0, "samples_ns": [ 2000000000 ],"samples_ts": [ 32 ]}` + "\n"
	decodeLine = `{"build_commit": "0c1e57098", "cpu_info": "AMD EPYC", "backends": "CPU", ` +
		`"n_prompt": 0, "n_gen": 8, "samples_ns": [ 500000000 ],"samples_ts": [ 16 ]}` + "\n"
)

func TestReadTiming(t *testing.T) {
	got, err := readTiming(strings.NewReader(promptLine+decodeLine), BenchRun{Prompt: 64, Tokens: 8})
	if want := (Timing{Prompt: 32, Decode: 16, System: System{"AMD EPYC", "CPU", "0c1e57098"}}); err != nil ||
		got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, c := range []struct{ printed, want string }{
		{"", "did not measure"},
		{promptLine, "did not measure"},
		{promptLine + decodeLine, "did not measure"}, // of a run without prompt
		{"| model |", "is unexpected"},
		{strings.Replace(decodeLine, "[ 500000000 ]", "[ 0 ]", 1), "is unexpected"},
		{strings.Replace(decodeLine, "[ 500000000 ]", "[]", 1), "is unexpected"},
	} {
		if got, err := readTiming(strings.NewReader(c.printed), BenchRun{Tokens: 8}); err == nil ||
			!strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %+v, %v", c.printed, got, err)
		}
	}
}
