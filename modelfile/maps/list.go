package maps

import (
	"fmt"
	"strings"

	"github.com/fh-ollama/fh-ollama/internal/commandline"
	"github.com/fh-ollama/fh-ollama/internal/table"
)

// List is what FlashHead can do, or does, for the models of an Ollama.
type List struct {
	Server string    `json:"server"` // URL
	Host   Host      `json:"host"`
	GPU    string    `json:"gpu,omitempty"` // that the server uses
	Models []Weights `json:"models"`
	Unused []string  `json:"unused"` // paths of maps whose models are gone
}

// String returns the list as a table.
func (l List) String() string {
	t := table.New("lrrlll", "model", "head", "expected", "FlashHead", "active", "")
	for _, w := range l.Models {
		share, gain, active := "", "", "no"
		if w.Gain > 0 {
			share, gain = fmt.Sprintf("%.0f %%", 100*w.Share), fmt.Sprintf("%.2fx", w.Gain)
		}
		if l.Host.Active() && (w.State == On || w.State == Converted) {
			active = "yes"
		}
		state := map[State]string{On: "on", Converted: "in its file"}[w.State]
		if state == "" {
			state = "off"
		}
		note := w.Reason
		if w.State == NotWorth {
			note = "not worth it"
		}
		for i, name := range w.Names {
			if w.Draft {
				name += " (draft)"
			}
			if i > 0 {
				note = "the weights of " + w.Names[0]
			}
			t.Row(name, share, gain, state, active, commandline.Printable(strings.ReplaceAll(note, "\n", " ")))
		}
	}
	var b strings.Builder
	if len(l.Models) == 0 {
		fmt.Fprintf(&b, "the Ollama at %s has no models\n", l.Server)
	} else {
		b.WriteString(t.Text())
	}
	for _, path := range l.Unused {
		fmt.Fprintf(&b, "unused     %s: its model is gone; %s removes it\n", path, commandline.Self("off", "--unused"))
	}
	if text := l.Host.dense(l.GPU); text != "" {
		fmt.Fprintf(&b, "%-10s %s\n", "note", text)
	}
	return b.String()
}
