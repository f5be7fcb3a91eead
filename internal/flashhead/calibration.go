package flashhead

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// Calibration records the inputs and results of a calibration.
type Calibration struct {
	TextSHA256 string `json:"text_sha256"` // lower-case hex
	TextName   string `json:"text_name"`
	Tokens     uint32 `json:"tokens"`   // positions whose activations were used, held-out ones included
	HeldOut    uint32 `json:"held_out"` // positions kept aside, on which the following was measured
	Kinds      []Kind `json:"kinds"`    // one for each group of kinds of text

	// Mean numbers of tokens whose fine code is read, and of exactly scored ones; 0 if unknown.
	Near  float32 `json:"near_tokens"`
	Exact float32 `json:"exact_tokens"`

	Targets
	Reached bool `json:"reached"` // every kind meets the targets; true without any
}

// Kind has the results on the held-out part of one group of kinds of text.
type Kind struct {
	Name      string  `json:"name"`
	Positions uint32  `json:"positions"`
	SameTop   float32 `json:"same_top"` // share of positions where both heads have the same best token
	KLD       float32 `json:"kld"`      // mean Kullback-Leibler divergence from the dense head, nats
	Error     float32 `json:"error"`    // its standard error over chunks of text; 0 for one chunk
}

// String formats the results in one line.
func (k Kind) String() string {
	text := fmt.Sprintf("same top %.2f %%, KLD %.4f", 100*k.SameTop, k.KLD)
	if k.Error > 0 {
		text += fmt.Sprintf(" ± %.4f", k.Error)
	}
	return text
}

// Targets are the targets of a calibration for every kind of text; 0 for none.
type Targets struct {
	Agreement float32 `json:"target_agreement,omitempty"` // least SameTop
	KLD       float32 `json:"target_kld,omitempty"`       // greatest KLD
}

// Any reports whether there is a target.
func (t Targets) Any() bool { return t != Targets{} }

// Check returns an error for impossible targets.
func (t Targets) Check() error {
	if a := t.Agreement; a != 0 && !(a > 0.5 && a <= 1) { // also refuses NaN
		return fmt.Errorf("a target agreement of %g is not above 0.5 and at most 1", a)
	}
	if d := t.KLD; d != 0 && !(d > 0 && d <= 10) {
		return fmt.Errorf("a target KLD of %g nats is not above 0 and at most 10", d)
	}
	return nil
}

// Met reports whether all kinds meet the targets.
func (t Targets) Met(kinds []Kind) bool {
	return !slices.ContainsFunc(kinds, func(k Kind) bool {
		return k.SameTop < t.Agreement || t.KLD > 0 && !(k.KLD <= t.KLD)
	})
}

// String formats the targets.
func (t Targets) String() string {
	var parts []string
	if t.Agreement != 0 {
		parts = append(parts, fmt.Sprintf("same top %g %%", math.Round(1e6*float64(t.Agreement))/1e4))
	}
	if t.KLD != 0 {
		parts = append(parts, fmt.Sprintf("KLD %g", t.KLD))
	}
	return strings.Join(parts, ", ")
}

// Origin describes the calibration's inputs.
func (c *Calibration) Origin() string {
	return fmt.Sprintf("with %s: %d positions, measured at %d others", c.TextName, int64(c.Tokens)-int64(c.HeldOut),
		c.HeldOut)
}

// Overall returns the results over all positions.
func (c *Calibration) Overall() Kind {
	all := Kind{Name: "all"}
	var same, kld float64
	for _, k := range c.Kinds {
		all.Positions += k.Positions
		same += float64(k.SameTop) * float64(k.Positions)
		kld += float64(k.KLD) * float64(k.Positions)
	}
	if n := float64(all.Positions); n > 0 {
		all.SameTop, all.KLD = float32(same/n), float32(kld/n)
	}
	return all
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
	keys := []gguf.NewValue{
		gguf.Str(KeyTextSHA256, c.TextSHA256), gguf.Str(KeyTextName, c.TextName),
		gguf.U32(KeyTokens, c.Tokens), gguf.U32(KeyHeldOut, c.HeldOut),
		gguf.F32(KeyMeanNear, c.Near), gguf.F32(KeyMeanExact, c.Exact),
		gguf.Strs(KeyKinds, column(c.Kinds, func(k Kind) string { return k.Name })),
		gguf.U32s(KeyKindPositions, column(c.Kinds, func(k Kind) uint32 { return k.Positions })),
		gguf.F32s(KeyKindSame, column(c.Kinds, func(k Kind) float32 { return k.SameTop })),
		gguf.F32s(KeyKindKLD, column(c.Kinds, func(k Kind) float32 { return k.KLD })),
		gguf.F32s(KeyKindError, column(c.Kinds, func(k Kind) float32 { return k.Error })),
	}
	if c.Agreement != 0 {
		keys = append(keys, gguf.F32(KeyTargetAgreement, c.Agreement))
	}
	if c.KLD != 0 {
		keys = append(keys, gguf.F32(KeyTargetKLD, c.KLD))
	}
	if c.Any() {
		keys = append(keys, gguf.Flag(KeyReached, c.Reached))
	}
	return keys
}

// calibrationOf reads the calibration from a file's keys, nil if there was none.
func calibrationOf(f *gguf.File) *Calibration {
	if _, ok := f.Key(KeyTextSHA256); !ok {
		return nil
	}
	u32 := func(key string) uint32 { n, _ := f.Uint(key); return uint32(n) }
	str := func(key string) string { s, _ := f.Str(key); return s }
	f32 := func(key string) float32 { x, _ := f.Float(key); return finite(float32(x)) }
	c := &Calibration{
		TextSHA256: str(KeyTextSHA256), TextName: str(KeyTextName), Tokens: u32(KeyTokens), HeldOut: u32(KeyHeldOut),
		Targets: Targets{Agreement: f32(KeyTargetAgreement), KLD: f32(KeyTargetKLD)}, Kinds: kindsOf(f),
		Near: f32(KeyMeanNear), Exact: f32(KeyMeanExact),
	}
	reached, _ := f.Flag(KeyReached)
	c.Reached = reached || !c.Any()
	return c
}

// column returns one value of every kind.
func column[T any](kinds []Kind, of func(Kind) T) []T {
	all := make([]T, len(kinds))
	for i, kind := range kinds {
		all[i] = of(kind)
	}
	return all
}

// kindsOf reads the kinds that all arrays have.
func kindsOf(f *gguf.File) []Kind {
	positions, _ := gguf.Numbers[uint32](f, KeyKindPositions)
	same, _ := gguf.Numbers[float32](f, KeyKindSame)
	kld, _ := gguf.Numbers[float32](f, KeyKindKLD)
	errors, _ := gguf.Numbers[float32](f, KeyKindError)
	var kinds []Kind
	_ = gguf.EachString(f, KeyKinds, func(i int64, name []byte) {
		if int(i) < min(len(positions), len(same), len(kld)) {
			kind := Kind{string(name), positions[i], finite(same[i]), finite(kld[i]), 0}
			if int(i) < len(errors) {
				kind.Error = finite(errors[i])
			}
			kinds = append(kinds, kind)
		}
	})
	return kinds
}

// finite returns x, or 0 for NaN and infinities, which JSON does not have.
func finite(x float32) float32 {
	if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
		return 0
	}
	return x
}
