package evaluation

import (
	"math"

	"github.com/fh-ollama/fh-ollama/internal/llama"
)

// coolest is Ollama's default temperature.
const coolest = llama.DefaultTemperature

// negligible is the log probability at and below which a token does not count, as in llama-perplexity: rounded records
// have no value there.
const negligible = -16

// divergence computes Kullback-Leibler divergences; one for each worker.
type divergence struct{ dense, coolDense, coolFlash powers }

// of returns sum p ln(p/q), in nats, for the dense distribution p and FlashHead's q, at temperature 1 and at Ollama's
// default. mass is the probability p of the exactly scored tokens, where log q - log p is shift. All three count only
// tokens whose p at temperature 1 is above exp(negligible).
func (k *divergence) of(d, f *logits, shift float64) (kld, cool, mass float64) {
	const beta = 1 / coolest
	k.dense.set(d, 1)
	k.coolDense.set(d, beta)
	k.coolFlash.set(f, beta)
	least := uint16(0) // value above which a token counts
	if d.scale > 0 && d.least <= negligible {
		least = uint16(math.Min(math.Floor((negligible-d.least)/d.scale), math.MaxUint16))
	}
	none := d.least > negligible // none is negligible

	// With log p = s*a + m and log q = s'*b + m', both divergences follow from sums of p, p*a and p*b.
	offset := f.least - d.least - shift
	var p0, pa, pb, scored, c0, ca, cb, zDense, zFlash float64
	flash := f.values[:len(d.values)]
	for i, a := range d.values {
		b := flash[i]
		cp := k.coolDense.of(a)
		zDense += cp
		zFlash += k.coolFlash.of(b)
		if a > least || none {
			p, x, y := k.dense.of(a), float64(a), float64(b)
			p0 += p
			pa += p * x
			pb += p * y
			if math.Abs(f.scale*y-d.scale*x+offset) < exactWithin {
				scored += p
			}
			c0 += cp
			ca += cp * x
			cb += cp * y
		}
	}
	kld = d.scale*pa - f.scale*pb + (d.least-f.least)*p0
	cool = (beta*(d.scale*ca-f.scale*cb+(d.least-f.least)*c0) + c0*math.Log(zFlash/zDense)) / zDense
	return kld, cool, scored / p0
}
