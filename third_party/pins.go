// Package thirdparty names the sources that fh-ollama builds on; it contains none of them.
package thirdparty

import _ "embed"

// Pins is pins.toml: names, versions and hashes, read by source.ParsePins.
//
//go:embed pins.toml
var Pins []byte

// Hosts is hosts.toml: releases of Ollama that the plug-in is loaded into, read by source.ParseHosts.
//
//go:embed hosts.toml
var Hosts []byte

// Real is real.toml: wheels with models that tests use, read by integration/real.
//
//go:embed real.toml
var Real []byte
