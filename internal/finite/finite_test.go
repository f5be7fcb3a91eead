package finite

import (
	"encoding/json"
	"math"
	"testing"
)

type part struct {
	Share float32 `json:"share"`
	Name  string  `json:"name,omitempty"`
}

type whole struct {
	*part
	Plain  int
	Hidden float64        `json:"-"`
	None   *part          `json:"none,omitempty"`
	Null   *part          `json:"null"`
	Parts  []part         `json:"parts"`
	Some   map[string]any `json:"some"`
	Ratio  float64        `json:"ratio"`
	secret float64
}

// Finite reports must look as encoding/json writes them.
func TestJSON(t *testing.T) {
	make := func(a float32, b, c, d float64) whole {
		return whole{part: &part{Share: a, Name: "<x>"}, Plain: 3, Hidden: d, Parts: []part{{Share: 1}, {Share: a}},
			Some: map[string]any{"z": b, "a": []float64{c, 2}, "n": nil}, Ratio: c, secret: d}
	}
	marshal := func(v any) string {
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		return string(text) + "\n"
	}
	finite, err := JSON(make(0.25, 1, 2, math.NaN()))
	if want := marshal(make(0.25, 1, 2, math.NaN())); err != nil || string(finite) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, finite, want)
	}
	nan, inf := math.NaN(), math.Inf(-1)
	got, err := JSON(make(float32(nan), inf, math.Inf(1), nan))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "share": null,
  "name": "\u003cx\u003e",
  "Plain": 3,
  "null": null,
  "parts": [
    {
      "share": 1
    },
    {
      "share": null
    }
  ],
  "some": {
    "a": [
      null,
      2
    ],
    "n": null,
    "z": null
  },
  "ratio": null
}
`
	if string(got) != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if _, err := JSON(struct{ C chan int }{}); err == nil {
		t.Error("a channel was written")
	}
}
