package evaluation

import (
	"math"
	"math/rand/v2"
	"testing"
)

// softmax at a temperature, in full precision.
func softmax(logit []float64, temperature float64) []float64 {
	p, sum := make([]float64, len(logit)), 0.0
	for i, l := range logit {
		p[i] = math.Exp(l / temperature)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

func TestDivergenceByHand(t *testing.T) {
	// p = 3/4, 1/4; q = 1/2, 1/2: 3/4 ln(3/2) + 1/4 ln(1/2)
	var k divergence
	kld, cool, _ := k.of(decoded(t, math.Log(3), 0), decoded(t, 0, 0), 0)
	if want := 0.75*math.Log(1.5) + 0.25*math.Log(0.5); math.Abs(kld-want) > 1e-5 {
		t.Errorf("KLD %g, want %g", kld, want)
	}
	// at 0.8 p is 3^1.25 : 1
	p := math.Pow(3, 1.25) / (1 + math.Pow(3, 1.25))
	if want := p*math.Log(2*p) + (1-p)*math.Log(2*(1-p)); math.Abs(cool-want) > 1e-5 {
		t.Errorf("at 0.8 %g, want %g", cool, want)
	}
	if kld, cool, mass := k.of(decoded(t, 1, 2, 3), decoded(t, 1, 2, 3), 0); kld != 0 || cool != 0 || mass != 1 {
		t.Errorf("of equals: %g, %g, %g", kld, cool, mass)
	}
}

func TestDivergenceByBruteForce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var k divergence
	for range 20 {
		d, f := decoded(t, random(r, 3000)...), decoded(t, random(r, 3000)...)
		p := logs(d)
		var want [2]float64
		for i, temperature := range []float64{1, 0.8} {
			pt, qt := softmax(p, temperature), softmax(logs(f), temperature)
			if temperature == 1 { // records sum to 1 except for values below their range
				pt, qt = exp(p), exp(logs(f))
			}
			for token := range pt {
				if p[token] > -16 {
					want[i] += pt[token] * math.Log(pt[token]/qt[token])
				}
			}
		}
		kld, cool, _ := k.of(d, f, 0)
		if math.Abs(kld-want[0]) > 1e-9 || math.Abs(cool-want[1]) > 1e-9 {
			t.Errorf("%g and %g, want %g", kld, cool, want)
		}
	}
}

func logs(l *logits) []float64 {
	out := make([]float64, len(l.values))
	for token := range out {
		out[token] = l.log(int32(token))
	}
	return out
}

func exp(v []float64) []float64 {
	out := make([]float64, len(v))
	for i := range out {
		out[i] = math.Exp(v[i])
	}
	return out
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
