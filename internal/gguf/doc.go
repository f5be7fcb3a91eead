// Package gguf reads the metadata of GGUF files and rewrites it, leaving the tensors as they are; it also writes new
// files.
//
// A file is treated as hostile: every count and length is checked against what is left of the file before
// anything is allocated, and values that may be large stay in the file until they are asked for.
package gguf
