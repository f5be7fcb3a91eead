//go:build !bundle

package bundle

// own is empty in a plain build.
var own []byte
