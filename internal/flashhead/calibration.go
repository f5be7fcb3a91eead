package flashhead

import (
	"cmp"
	"fmt"
	"math"
	"slices"

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
	Reached       bool    `json:"reached"`        // the target, for every kind of text
	Kinds         []Kind  `json:"kinds"`
}

// Kind is what was found on the held-out part of one kind of text.
type Kind struct {
	Name      string  `json:"name"`
	Positions uint32  `json:"positions"`
	SameTop   float32 `json:"same_top"` // share of positions where both heads have the same best token
	KLD       float32 `json:"kld"`      // mean Kullback-Leibler divergence from the dense head, nats
}

// Share is the agreement with its confidence interval, in words.
func (c *Calibration) Share() string {
	return fmt.Sprintf("%.2f %% (%.2f to %.2f)", 100*c.Agreement, 100*c.AgreementLow, 100*c.AgreementHigh)
}

// Origin describes the calibration's inputs.
func (c *Calibration) Origin() string {
	return fmt.Sprintf("with %s: %d positions, measured at %d others", c.TextName, int64(c.Tokens)-int64(c.HeldOut),
		c.HeldOut)
}

// Worst returns the kind with the greatest divergence; false if there are none.
func (c *Calibration) Worst() (Kind, bool) {
	if len(c.Kinds) == 0 {
		return Kind{}, false
	}
	return slices.MaxFunc(c.Kinds, func(a, b Kind) int { return cmp.Compare(a.KLD, b.KLD) }), true
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
		gguf.Flag(KeyReached, c.Reached), gguf.Strs(KeyKinds, column(c.Kinds, func(k Kind) string { return k.Name })),
		gguf.U32s(KeyKindPositions, column(c.Kinds, func(k Kind) uint32 { return k.Positions })),
		gguf.F32s(KeyKindSame, column(c.Kinds, func(k Kind) float32 { return k.SameTop })),
		gguf.F32s(KeyKindKLD, column(c.Kinds, func(k Kind) float32 { return k.KLD })),
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
		Reached:       reached, Kinds: kindsOf(f),
	}
}

func column[T any](kinds []Kind, of func(Kind) T) []T {
	all := make([]T, len(kinds))
	for i, kind := range kinds {
		all[i] = of(kind)
	}
	return all
}

// kindsOf reads the kinds as far as all arrays have them; odd numbers are 0, as JSON has none.
func kindsOf(f *gguf.File) []Kind {
	positions, _ := gguf.Numbers[uint32](f, KeyKindPositions)
	same, _ := gguf.Numbers[float32](f, KeyKindSame)
	kld, _ := gguf.Numbers[float32](f, KeyKindKLD)
	var kinds []Kind
	_ = gguf.EachString(f, KeyKinds, func(i int64, name []byte) {
		if int(i) < min(len(positions), len(same), len(kld)) {
			kinds = append(kinds, Kind{string(name), positions[i], finite(same[i]), finite(kld[i])})
		}
	})
	return kinds
}

func finite(x float32) float32 {
	if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
		return 0
	}
	return x
}
