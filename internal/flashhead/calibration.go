package flashhead

import (
	"fmt"
	"math"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// Calibration records the inputs and results of a calibration. Shares are 0..1, measured on the held-out part of the
// text.
type Calibration struct {
	TextSHA256    string  `json:"text_sha256"` // lower-case hex
	TextName      string  `json:"text_name"`
	Tokens        uint32  `json:"tokens"`    // positions whose activations were used, held-out ones included
	HeldOut       uint32  `json:"held_out"`  // positions kept aside
	Target        float32 `json:"target"`    // requested agreement
	Agreement     float32 `json:"agreement"` // share of positions where the dense head's best token is scored exactly
	AgreementLow  float32 `json:"agreement_low"`
	AgreementHigh float32 `json:"agreement_high"` // 95 % confidence interval (Wilson)
	Top40         float32 `json:"top_40"`         // share of the dense head's 40 best tokens that are scored exactly
	Pinned        uint32  `json:"pinned"`         // tokens pinned because of this text
	Reached       bool    `json:"reached"`        // Agreement is at least Target
}

// Share is the agreement with its confidence interval, in words.
func (c *Calibration) Share() string {
	return fmt.Sprintf("%.2f %% (%.2f to %.2f)", 100*c.Agreement, 100*c.AgreementLow, 100*c.AgreementHigh)
}

// Origin describes the calibration's inputs.
func (c *Calibration) Origin() string {
	return fmt.Sprintf("with %s: %d positions, %d tokens pinned for them; measured at %d others", c.TextName,
		int64(c.Tokens)-int64(c.HeldOut), c.Pinned, c.HeldOut)
}

// keys returns the metadata entries of c, none for nil.
func (c *Calibration) keys() []gguf.NewValue {
	if c == nil {
		return nil
	}
	return []gguf.NewValue{
		gguf.Str(KeyTextSHA256, c.TextSHA256), gguf.Str(KeyTextName, c.TextName),
		gguf.U32(KeyTokens, c.Tokens), gguf.U32(KeyHeldOut, c.HeldOut), gguf.F32(KeyTarget, c.Target),
		gguf.F32(KeyAgreement, c.Agreement), gguf.F32(KeyAgreementLow, c.AgreementLow), gguf.F32(KeyAgreementHigh,
			c.AgreementHigh),
		gguf.F32(KeyTop40, c.Top40), gguf.U32(KeyPinnedFound, c.Pinned), gguf.Flag(KeyReached, c.Reached),
	}
}

// calibrationOf reads the calibration from a file's keys, nil if there was none.
func calibrationOf(f *gguf.File) *Calibration {
	if _, ok := f.Key(KeyTextSHA256); !ok {
		return nil
	}
	u32 := func(key string) uint32 { n, _ := f.Uint(key); return uint32(n) }
	str := func(key string) string { s, _ := f.Str(key); return s }
	f32 := func(key string) float32 {
		x, _ := f.Float(key)
		if math.IsNaN(x) || math.IsInf(x, 0) { // JSON has no such numbers
			return 0
		}
		return float32(x)
	}
	reached, _ := f.Flag(KeyReached)
	return &Calibration{
		TextSHA256: str(KeyTextSHA256), TextName: str(KeyTextName), Tokens: u32(KeyTokens), HeldOut: u32(KeyHeldOut),
		Target: f32(KeyTarget), Agreement: f32(KeyAgreement), AgreementLow: f32(KeyAgreementLow),
		AgreementHigh: f32(KeyAgreementHigh),
		Top40:         f32(KeyTop40), Pinned: u32(KeyPinnedFound), Reached: reached,
	}
}
