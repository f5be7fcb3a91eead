package flashhead

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/gguf"
)

// Parameters are the contents of the flashhead keys of one file.
type Parameters struct {
	Clusters     uint32   // K
	Probes       uint32   // P, clusters scored exactly per token; with codes, as many single tokens
	Assignments  []uint32 // cluster of every token, V entries
	Pinned       []uint32 // tokens that are always scored, ascending
	CentroidType gguf.TensorType
	Codes        Codes // none for a plain head, as in the paper

	Provenance
}

// Provenance is the origin of the parameters. The runtime never reads it.
type Provenance struct {
	Tensor       string
	ImportedFrom string // format of the assets that the map came from; "" for a clustering, which has the next four
	ClusterSize  uint32
	Seed         uint32
	Iterations   uint32
	Objective    float32 // mean of 1 - cosine(row, centroid)
	ToolVersion  string
	SourceSHA256 string
	Calibration  *Calibration // nil for none
}

// Exact returns N, the tokens that a head with codes scores exactly beside the pinned ones.
func (p Parameters) Exact() int64 {
	return ceil(int64(p.Probes)*int64(len(p.Assignments)), int64(p.Clusters))
}

// ClusterSizes returns the numbers of tokens of the smallest and of the largest cluster.
func (p Parameters) ClusterSizes() (least, most int) {
	sizes := make([]int, p.Clusters)
	for _, k := range p.Assignments {
		sizes[k]++
	}
	return slices.Min(sizes), slices.Max(sizes)
}

// Sizes returns ClusterSizes in words: "16", "3 to 40".
func (p Parameters) Sizes() string {
	least, most := p.ClusterSizes()
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d to %d", least, most)
}

// Keys returns the metadata entries that describe p.
func (p Parameters) Keys() []gguf.NewValue {
	keys := []gguf.NewValue{
		gguf.U32(KeyVersion, FormatVersion),
		gguf.U32(KeyClusterCount, p.Clusters),
		gguf.U32s(KeyAssignments, p.Assignments),
		gguf.U32(KeyProbeCount, p.Probes),
		gguf.U32s(KeyPinnedTokens, p.Pinned),
		gguf.Str(KeyCentroidType, p.CentroidType.String()),
	}
	keys = append(append(keys, p.Codes.keys()...), gguf.Str(KeyTensor, p.Tensor))
	if p.ImportedFrom != "" {
		keys = append(keys, gguf.Str(KeyImportedFrom, p.ImportedFrom))
	} else {
		keys = append(keys,
			gguf.U32(KeyClusterSize, p.ClusterSize),
			gguf.U32(KeySeed, p.Seed),
			gguf.U32(KeyIterations, p.Iterations),
			gguf.F32(KeyObjective, p.Objective))
	}
	keys = append(keys, gguf.Str(KeyToolVersion, p.ToolVersion), gguf.Str(KeySourceSHA256, p.SourceSHA256))
	return append(keys, p.Calibration.keys()...)
}

// KeyBytes returns about how many bytes Keys take for head. The map and the directions of the codes may still be
// missing.
func (p Parameters) KeyBytes(head Head) int64 {
	codes := int64(0)
	if width := head.Width(); p.Codes.There() {
		codes = 2*int64(p.Codes.Directions)*(width+1) + width
	}
	return 4*(head.Vocab()+int64(len(p.Pinned))+codes) + 4096
}

// IsKey reports whether a metadata key belongs to the format.
func IsKey(key string) bool { return strings.HasPrefix(key, Prefix) }

// Converted reports whether a file claims to be converted, by the runtime's rule: its keys may still be damaged.
func Converted(f *gguf.File) bool {
	_, version := f.Key(KeyVersion)
	_, assignments := f.Key(KeyAssignments)
	return version || assignments
}

// DamageError lists everything that makes the runtime ignore a file's flashhead keys.
type DamageError struct{ Problems []string }

// Error names all problems.
func (e *DamageError) Error() string { return strings.Join(e.Problems, "; ") }

// FromFile reads the parameters of a converted file and makes the checks that the runtime makes.
// Its error is a *DamageError.
func FromFile(f *gguf.File, head Head) (Parameters, error) {
	var p Parameters
	c := &checker{f: f}
	if v, ok := c.u32(KeyVersion); ok && v != FormatVersion {
		c.bad("%s is %d, this program reads %d", KeyVersion, v, FormatVersion)
	}
	vocab := head.Vocab()
	var knownK bool
	if p.Clusters, knownK = c.u32(KeyClusterCount); knownK && (p.Clusters < 2 || int64(p.Clusters) > vocab) {
		c.bad("%s is %d, not in 2..%d", KeyClusterCount, p.Clusters, vocab)
		knownK = false
	}
	if p.Assignments = c.u32s(KeyAssignments); p.Assignments != nil {
		c.assignments(p.Assignments, vocab, p.Clusters, knownK)
	}
	if n, ok := c.u32(KeyProbeCount); ok {
		p.Probes = n
		if knownK && (n < 1 || n > p.Clusters) {
			c.bad("%s is %d, not in 1..%d", KeyProbeCount, n, p.Clusters)
		}
	}
	if _, ok := f.Key(KeyPinnedTokens); ok { // may be missing: none
		p.Pinned = c.u32s(KeyPinnedTokens)
		for _, t := range p.Pinned {
			if int64(t) >= vocab {
				c.bad("%s names token %d of %d", KeyPinnedTokens, t, vocab)
				break
			}
		}
	}
	c.centroidType(&p, head)
	if p.Codes = c.codes(head); head.Bias && c.problems == nil && !p.Codes.There() {
		c.bad("there are no codes, by which alone a head with a bias (%s) chooses", biasName)
	}
	p.Provenance = provenance(f)
	if c.problems != nil {
		return p, &DamageError{c.problems}
	}
	return p, nil
}

// checker collects the problems of a file's keys.
type checker struct {
	f        *gguf.File
	problems []string
}

func (c *checker) bad(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *checker) u32(key string) (uint32, bool) {
	kv, ok := c.f.Key(key)
	n, _ := c.f.Uint(key)
	switch {
	case !ok:
		c.bad("%s is missing", key)
	case kv.Type != gguf.Uint32:
		c.bad("%s is %s, not u32", key, kv.Kind())
	default:
		return uint32(n), true
	}
	return 0, false
}

func (c *checker) u32s(key string) []uint32 {
	if kv, ok := c.f.Key(key); ok && (kv.Type != gguf.Array || kv.Elem != gguf.Uint32 && kv.Elem != gguf.Int32) {
		c.bad("%s is %s, not arr[u32]", key, kv.Kind())
		return nil
	}
	v, err := gguf.Numbers[uint32](c.f, key)
	if err != nil {
		c.bad("%v", err)
		return nil
	}
	return v
}

// assignments checks the map of tokens to clusters: complete, in range, and no cluster empty.
func (c *checker) assignments(a []uint32, vocab int64, clusters uint32, knownK bool) {
	if int64(len(a)) != vocab {
		c.bad("%s has %d entries for %d tokens", KeyAssignments, len(a), vocab)
		return
	}
	if !knownK {
		return
	}
	used := make([]bool, clusters)
	for token, k := range a {
		if k >= clusters {
			c.bad("%s puts token %d into cluster %d of %d", KeyAssignments, token, k, clusters)
			return
		}
		used[k] = true
	}
	for k, yes := range used {
		if !yes {
			c.bad("%s leaves cluster %d empty", KeyAssignments, k)
			return
		}
	}
}

func (c *checker) centroidType(p *Parameters, head Head) {
	kv, ok := c.f.Key(KeyCentroidType)
	if !ok || kv.Type != gguf.String {
		c.bad("%s is missing or no string", KeyCentroidType)
		return
	}
	name, _ := c.f.Str(KeyCentroidType)
	t, err := CentroidType(name, head)
	if err == nil && name != t.String() { // the runtime compares exactly; "" would be the default here
		err = fmt.Errorf("%q is not a type for centroids", name)
	}
	if err != nil {
		c.bad("%s: %v", KeyCentroidType, err)
		return
	}
	p.CentroidType = t
}

func provenance(f *gguf.File) Provenance {
	u32 := func(key string) uint32 { n, _ := f.Uint(key); return uint32(n) }
	str := func(key string) string { s, _ := f.Str(key); return s }
	objective, _ := f.Float(KeyObjective)
	return Provenance{
		Tensor: str(KeyTensor), ImportedFrom: str(KeyImportedFrom), ClusterSize: u32(KeyClusterSize), Seed: u32(KeySeed),
		Iterations: u32(KeyIterations),
		Objective:  float32(objective), ToolVersion: str(KeyToolVersion), SourceSHA256: str(KeySourceSHA256),
		Calibration: calibrationOf(f),
	}
}
