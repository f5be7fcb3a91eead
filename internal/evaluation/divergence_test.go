package evaluation

import (
	"math"
	"math/rand/v2"
	"testing"
)

// powered returns exp(beta*log p) of all tokens, and their sum.
func powered(l *logits, beta float64) (p []float64, sum float64) {
	for token := range l.values {
		p = append(p, math.Exp(beta*l.log(int32(token))))
		sum += p[token]
	}
	return p, sum
}

// The divergences are those of a computation by their definition. At temperature 1, records sum to 1 except for values
// below their range.
func TestDivergence(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var k divergence
	for range 20 {
		d, f := decoded(t, random(r, 3000)...), decoded(t, random(r, 3000)...)
		p, _ := powered(d, 1)
		q, _ := powered(f, 1)
		coolP, sumP := powered(d, 1/0.8)
		coolQ, sumQ := powered(f, 1/0.8)
		wantKLD, wantCool := 0.0, 0.0
		for token := range p {
			if p[token] > math.Exp(-16) {
				wantKLD += p[token] * math.Log(p[token]/q[token])
				wantCool += coolP[token] / sumP * math.Log(coolP[token]/sumP/(coolQ[token]/sumQ))
			}
		}
		kld, cool, _ := k.of(d, f, 0)
		if math.Abs(kld-wantKLD) > 1e-9 || math.Abs(cool-wantCool) > 1e-9 {
			t.Errorf("%g and %g, want %g and %g", kld, cool, wantKLD, wantCool)
		}
	}
	if kld, cool, mass := k.of(decoded(t, 1, 2, 3), decoded(t, 1, 2, 3), 0); kld != 0 || cool != 0 || mass != 1 {
		t.Errorf("of equals: %g, %g, %g", kld, cool, mass)
	}
}

// Tokens at or below exp(-16) do not count: records have no value there.
func TestDivergenceNegligible(t *testing.T) {
	// log p = 0, -17, -16, -15, log q = 0, 0, 0, -3
	d, f := &logits{1, -17, []uint16{17, 0, 1, 2}}, &logits{1, -3, []uint16{3, 3, 3, 0}}
	var k divergence
	if kld, _, _ := k.of(d, f, 0); math.Abs(kld-math.Exp(-15)*-12) > 1e-13 {
		t.Errorf("%g, want %g", kld, math.Exp(-15)*-12)
	}
	d.least = -15.5 // all of them above
	want := math.Exp(1.5)*1.5 + math.Exp(-15.5)*-15.5 + math.Exp(-14.5)*-14.5 + math.Exp(-13.5)*-10.5
	if kld, _, _ := k.of(d, f, 0); math.Abs(kld-want) > 1e-12 {
		t.Errorf("%g, want %g", kld, want)
	}
}
