// Package sampletext is the text that comes with the program, to evaluate and to calibrate with: README.md tells where
// it is from.
package sampletext

import _ "embed"

// Mixed has some pages of several kinds and languages in turn.
//
//go:embed mixed.txt
var Mixed []byte
