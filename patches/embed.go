// Package patches holds the call sites that join the head to llama.cpp: a folder for each version of llama.cpp, in it
// patches and a file "series" with their order.
package patches

import "embed"

// Files are all files beside this one.
//
//go:embed *
var Files embed.FS
