package evaluation

// tokenPlace returns the smallest P at which a token is scored exactly in a head with codes, from the logits of the
// dense head and of a run with one probe; 0 for a pinned token. That run scores the V/K tokens with the best estimates,
// and all other logits are estimates. The P may be off by one, for two reasons: the estimates of scored tokens are
// unknown, so their logits count instead; and the runtime finds the best estimates by a sample.
func (c clusters) tokenPlace(d, f *logits, shift float64, token int32) int32 {
	if c.pinned[token] {
		return 0
	}
	if scored(d, f, shift, token) {
		return 1
	}
	vocab, place := len(f.values), 0
	for _, value := range f.values {
		if value >= f.values[token] {
			place++
		}
	}
	place = max(place, (vocab+c.count-1)/c.count+1) // not among those that were scored
	return int32((place-1)*c.count/vocab + 1)
}
