// Package ggmlhead holds the C and C++ sources of the head, so that an installed fh-ollama can build without a
// checkout.
package ggmlhead

import "embed"

// Sources are all files beside this one; a build lays them into the tree of llama.cpp as flashhead/.
//
//go:embed *
var Sources embed.FS
