package calibration

// Candidate is a token that the dense head finds likely.
type Candidate struct {
	Token    uint32
	Required uint32 // its rank by estimate, from 1: so many tokens must be scored exactly for it to be one of them
}

// Record is the dense head's best tokens at a position, best first; at least one.
type Record []Candidate
