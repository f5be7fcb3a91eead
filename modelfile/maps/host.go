package maps

import (
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
)

// Host is the Ollama that the maps are for.
type Host string

// The hosts.
const (
	Patched Host = "patched build"
	Plugin  Host = "plug-in"
	Stock   Host = "stock"
	Unknown Host = "unknown" // no Ollama answers
)

// Active reports whether models with FlashHead use it there.
func (h Host) Active() bool { return h == Patched || h == Plugin }

// Approximate reports whether a token may differ from the stock model's there, because nothing checks it.
func (h Host) Approximate() bool { return h != Patched }

// tokens says what becomes of a model's tokens with a map.
func (h Host) tokens() string {
	const text = "FlashHead is approximate: now and then a token differs from the stock model's. "
	switch h {
	case Patched:
		return "the stock model's own: the dense head checks them (docs/exact.md), unless the server has FLASHHEAD_EXACT=off"
	case Plugin:
		return text + "This Ollama has it by the plug-in, which cannot check tokens."
	}
	return text + "The patched build checks every token (docs/exact.md), the plug-in cannot."
}

// dense says which models run dense there whatever their maps; "" if none does. gpu is a GPU that the server uses, ""
// for none.
func (h Host) dense(gpu string) string {
	switch {
	case h == Stock:
		return fmt.Sprintf("this Ollama has no FlashHead and runs models dense; %s gives it the plug-in",
			commandline.Self("install"))
	case h == Plugin && gpu != "":
		return fmt.Sprintf("models on the %s run dense: the plug-in is for those on the CPU", gpu)
	}
	return ""
}
