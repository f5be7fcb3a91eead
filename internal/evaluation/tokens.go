package evaluation

// tokenPlace returns the smallest P at which a token is scored exactly, in a head with codes, from the logits of the
// dense head and of a run with one probe; 0 for a pinned token. There the V/K tokens with the best estimates are
// scored, and all others show theirs. A few places are left open, and so the P may be one off: the estimates of scored
// tokens do not show, and count as their logits do; and the runtime finds the best estimates by a sample of them.
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
