package modelfile

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/ollama/ollama/types/model"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// suffix marks the name of a model with FlashHead.
const suffix = "flashhead"

// DefaultName returns the name of the converted version of the registered model source: "qwen3:0.6b" gives
// "qwen3:0.6b-flashhead", and "qwen3" gives "qwen3:latest-flashhead".
func DefaultName(source string) (string, error) {
	n := model.ParseName(source)
	if !n.IsValid() {
		return "", badName(source)
	}
	n.Tag += "-" + suffix
	name := n.DisplayShortest()
	if CheckName(name) != nil {
		return "", hint.New(fmt.Sprintf("%s is too long to be the name of a model", name), "give NAME, a shorter one")
	}
	return name, nil
}

// notInName matches characters that a model name cannot have.
var notInName = regexp.MustCompile(`[^a-z0-9_.-]+`)

// DefaultNameForFile returns the model name for a GGUF file: its base name in lower case with the tag flashhead
// ("Qwen3-0.6B.gguf" gives "qwen3-0.6b:flashhead", and so does "Qwen3-0.6B-flashhead.gguf").
func DefaultNameForFile(path string) (string, error) {
	base := strings.ToLower(strings.TrimSuffix(filepath.Base(path), filepath.Ext(path)))
	base = strings.TrimSuffix(strings.Trim(notInName.ReplaceAllString(base, "-"), "-."), "-"+suffix)
	return checked(base + ":" + suffix)
}

// SameName reports whether a and b name the same model ("qwen3" and "qwen3:latest" do; Ollama ignores case).
func SameName(a, b string) bool {
	return model.ParseName(a).EqualFold(model.ParseName(b))
}

// CheckName returns an error unless Ollama accepts name.
func CheckName(name string) error {
	_, err := checked(name)
	return err
}

func checked(name string) (string, error) {
	if !model.ParseName(name).IsValid() {
		return "", badName(name)
	}
	return name, nil
}

func badName(name string) error {
	return hint.New(fmt.Sprintf("%q is not a model name", name),
		"give a name such as qwen3:0.6b-flashhead: letters, digits and - _ . in name and tag")
}
