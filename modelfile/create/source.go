package create

import (
	"fmt"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/modelfile"
	"github.com/fh-ollama/fh-ollama/modelfile/origin"
)

// source is where a model comes from.
type source struct{ origin.Origin }

func (s source) defaultName() (string, error) {
	if s.Model {
		return modelfile.DefaultName(s.Arg)
	}
	return modelfile.DefaultNameForFile(s.Arg)
}

// checkName returns an error unless the new model can be called name.
func (s source) checkName(name string) error {
	if err := modelfile.CheckName(name); err != nil {
		return err
	}
	if s.Model && modelfile.SameName(name, s.Arg) {
		return hint.New(fmt.Sprintf("%s is the source itself, which is never changed", name),
			"give the new model another name")
	}
	return nil
}
