package statistics

import (
	"encoding/json"
	"math"
)

// Number is a result that may be NaN or infinite, as a ratio of unknown times is. JSON has null for these.
type Number float64

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	if v := float64(n); !math.IsNaN(v) && !math.IsInf(v, 0) {
		return json.Marshal(v)
	}
	return []byte("null"), nil
}
