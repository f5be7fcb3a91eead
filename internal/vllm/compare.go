package vllm

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"math"

	"github.com/fh-ollama/fh-ollama/internal/progress"
)

// leastCosine is the least mean cosine of centroids that are taken for those of the same head; with the tokens in
// another order it is 0, give or take a few hundredths. Heads rounded to 4 bits, and centroids that are means of unit
// rows or have unit length, stay above 0.99 on the bundled model.
const leastCosine = 0.5

// common is the share of a centroid's square that may lie beside the common direction by rounding alone.
const common = 1e-9

// compare returns mean and least cosine of the assets' centroids and own, which has for each column one little-endian
// float32 a cluster that is not empty. As the rows of a head share a direction, any two of its centroids have a cosine
// near 1; so that of their parts beside this direction, the mean of own, is taken. Centroids without such a part, as
// padding has them, are left out; without any other the cosines are 1.
func (s *Source) compare(ctx context.Context, own io.Reader, p *progress.Progress) (mean, least float64, err error) {
	theirs := make([]float32, s.Assets.Clusters)
	ours := make([]float32, len(s.used))
	sums := make([]products, len(ours))
	shared := 0.0 // square of the common direction
	in := bufio.NewReader(own)
	for column := range s.Assets.Columns {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		p.Set(float64(column)/float64(s.Assets.Columns), "")
		if err := s.Assets.column(column, theirs); err != nil {
			return 0, 0, err
		}
		if err := binary.Read(in, binary.LittleEndian, ours); err != nil {
			return 0, 0, err
		}
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

// products are inner products of two vectors a and b, and of each with a common vector c.
type products struct{ aa, ab, bb, ac, bc float64 }

// add adds one column's values.
func (p *products) add(a, b, c float64) {
	p.aa += a * a
	p.ab += a * b
	p.bb += b * b
	p.ac += a * c
	p.bc += b * c
}

// cosine returns that of a's and b's parts at right angles to c, whose square is cc; false if one has none.
func (p *products) cosine(cc float64) (float64, bool) {
	if cc == 0 {
		cc = 1 // then the products with c are 0, too
	}
	aa, bb := p.aa-p.ac*p.ac/cc, p.bb-p.bc*p.bc/cc
	if aa <= common*p.aa || bb <= common*p.bb {
		return 0, false
	}
	return (p.ab - p.ac*p.bc/cc) / math.Sqrt(aa*bb), true
}
