// Package maps turns FlashHead on and off for the models of an Ollama: it lists, makes and removes their map files.
package maps

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/flashhead"
	"github.com/fh-ollama/fh-ollama/internal/gguf"
	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/mapfile"
)

// State says whether weights have FlashHead.
type State string

// The states.
const (
	On        State = "on"         // by a map that fits
	Off       State = "off"        // it would be worth it
	Unfit     State = "unfit"      // there is a map that does not fit, so they run dense
	Converted State = "converted"  // by keys in the model's own file
	Excluded  State = "impossible" // no map is made, for a reason
	NotWorth  State = "not worth it"
)

// Weights are the files of a model or of a draft model, which share one map.
type Weights struct {
	Names  []string `json:"names"` // of the models that have them; for a file its path
	Draft  bool     `json:"draft,omitempty"`
	Paths  []string `json:"files"` // by which the server loads them; none if they are not on this machine
	State  State    `json:"state"`
	Reason string   `json:"reason,omitempty"` // for Unfit, Excluded and NotWorth
	Map    string   `json:"map,omitempty"`    // path of the map, if there is one
	Share  float64  `json:"head_share"`       // of the bytes that a token reads, 0..1
	Gain   float64  `json:"expected"`         // greatest speed-up by bytes read, with the map's settings or the default
	Memory int64    `json:"memory"`           // bytes beside the model when it is loaded with FlashHead

	bytes int64 // about those of the map, if there is none yet
	way   string
	file  bool // of a file, not of a model in Ollama
}

// Name returns the names in words.
func (w Weights) Name() string {
	name := strings.Join(w.Names, ", ")
	if w.Draft {
		name += " (draft)"
	}
	return name
}

// examine opens the files and sets everything but Names, Draft and Paths. It returns w.
func (w Weights) examine() Weights {
	exclude := func(err error) Weights {
		path := w.Paths[0]
		w.State, w.way = Excluded, hint.Of(err)
		w.Reason = strings.ReplaceAll(strings.TrimPrefix(err.Error(), path+": "), path, w.Names[0])
		if errors.Is(err, fs.ErrPermission) {
			w.way = "run this command as a user who may read Ollama's models, for example with sudo"
		}
		return w
	}
	m, err := mapfile.Open(w.Paths...)
	if err != nil {
		return exclude(err)
	}
	defer m.Close()
	w.Map = m.Map
	params := flashhead.Default(m.Head)
	if m.Converted && m.Damage == nil {
		params = m.Parameters
	}
	cost := flashhead.NewCost(m.File, m.Head, params)
	w.Share, w.Gain, w.Memory = cost.HeadShare(), cost.Ceiling(params.Probes), cost.Memory
	w.bytes = params.KeyBytes(m.Head)
	switch {
	case m.Obstacle != nil:
		return exclude(m.Obstacle)
	case m.Converted && m.Damage == nil && m.Map == "":
		w.State = Converted
	case m.Converted && m.Damage == nil:
		w.State = On
	case m.Map != "":
		w.State, w.Reason = Unfit, "its map does not fit: "+m.Damage.Error()
	case m.Converted:
		return exclude(m.Unsound())
	case params.Clusters < 2:
		w.State, w.Reason = NotWorth, fmt.Sprintf("a vocabulary of %d tokens is too small", m.Head.Vocab())
	case w.Gain < flashhead.WorthIt:
		w.State = NotWorth
		w.Reason = fmt.Sprintf("not worth it: the head is %.0f %% of what a token reads, at most %.2fx", 100*w.Share, w.Gain)
		w.way = "to try it anyway, make a second model that has it: fh-ollama create --from " + w.Names[0]
	default:
		w.State = Off
	}
	return w
}

// ofFile returns the weights of the file at path, the first of a model's. An error carries a hint.
func ofFile(path string) (Weights, error) {
	f, err := gguf.Open(path)
	if err != nil {
		return Weights{}, err
	}
	defer f.Close()
	paths, err := gguf.PartPaths(path, f.Parts())
	if err != nil {
		return Weights{}, err
	}
	return Weights{Names: []string{path}, Paths: paths, file: true}.examine(), nil
}
