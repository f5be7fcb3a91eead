package vllm

import (
	"context"
	"math"

	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// leastCosine is the least mean cosine of centroids of the same head. On the bundled model it is near 0 for tokens in
// another order. It stays above 0.99 for heads in 4 bits, for means of unit rows, and for centroids of unit length.
const leastCosine = 0.5

// common is the share of a centroid's squared norm that rounding alone can put outside the common direction.
const common = 1e-9

// compare returns the mean and least cosine of the assets' centroids and own, which has, column by column, one number
// for each cluster that is not empty.
//
// All rows of a head share a direction, so any two of its centroids have a cosine near 1. compare therefore removes
// their components along the mean of own. It skips centroids without another component, such as those of padding, and
// returns 1 if there are no others.
func (s *Source) compare(ctx context.Context, own []float32, p *progress.Progress) (mean, least float64, err error) {
	theirs := make([]float32, s.Assets.Clusters)
	sums := make([]products, len(s.used))
	shared := 0.0 // squared norm of the common direction
	for column := range s.Assets.Columns {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		p.Set(float64(column)/float64(s.Assets.Columns), "")
		if err := s.Assets.column(column, theirs); err != nil {
			return 0, 0, err
		}
		ours := own[int(column)*len(sums):][:len(sums)]
		c := 0.0
		for _, v := range ours {
			c += float64(v) / float64(len(ours))
		}
		shared += c * c
		for k, v := range ours {
			sums[k].add(float64(theirs[s.used[k]]), float64(v), c)
		}
	}
	least = 1
	sum, n := 0.0, 0
	for _, of := range sums {
		if cosine, ok := of.cosine(shared); ok {
			sum += cosine
			n++
			least = min(least, cosine)
		}
	}
	if n == 0 {
		return 1, 1, nil
	}
	return sum / float64(n), least, nil
}

// products are the inner products of two vectors a and b, and of each with c.
type products struct{ aa, ab, bb, ac, bc float64 }

func (p *products) add(a, b, c float64) {
	p.aa += a * a
	p.ab += a * b
	p.bb += b * b
	p.ac += a * c
	p.bc += b * c
}

// cosine returns the cosine of a and b without their components along c, whose squared norm is cc; false if a or b has
// no other component.
func (p *products) cosine(cc float64) (float64, bool) {
	if cc == 0 {
		cc = 1 // the products with c are 0, too
	}
	aa, bb := p.aa-p.ac*p.ac/cc, p.bb-p.bc*p.bc/cc
	if aa <= common*p.aa || bb <= common*p.bb {
		return 0, false
	}
	return (p.ab - p.ac*p.bc/cc) / math.Sqrt(aa*bb), true
}
