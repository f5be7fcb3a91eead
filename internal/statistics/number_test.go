package statistics

import (
	"encoding/json"
	"math"
	"testing"
)

func TestNumber(t *testing.T) {
	got, err := json.Marshal([]Number{0.1, -1e-7, Number(math.NaN()), Number(math.Inf(1)), Number(math.Inf(-1))})
	if err != nil || string(got) != "[0.1,-1e-7,null,null,null]" {
		t.Errorf("%s, %v", got, err)
	}
}
