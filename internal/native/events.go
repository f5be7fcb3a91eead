package native

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// Progress is the state of a running clustering or calibration.
type Progress struct {
	Stage      string   `json:"stage"` // read, start or balance; of a calibration moment, residuals, directions or records
	Iteration  int      `json:"iteration"`
	Iterations int      `json:"iterations"`
	Fraction   float64  `json:"fraction"`  // 0..1 of the whole
	Objective  *float64 `json:"objective"` // mean of 1 - cosine(row, its centroid); nil while unknown
	Imbalance  *float64 `json:"imbalance"` // largest cluster over mean size, minus 1; nil while unknown
}

// event is one line of the tool's output.
type event struct {
	Event string `json:"event"` // start, progress or done; others are for later versions
	Progress
	Rows     int64   `json:"rows"`     // V
	Hidden   int64   `json:"hidden"`   // n, of a calibration
	Clusters uint32  `json:"clusters"` // K, of a clustering
	Near     float64 `json:"near"`     // of a calibration
	Exact    float64 `json:"exact"`    // of a calibration
}

const rebuild = "tool and program do not fit together: build again with fh-ollama build"

// follow is invoke for a command that prints events. It calls report for each progress event, and returns the start and
// the done event.
func (t Tool) follow(ctx context.Context, what string, args []string, report func(Progress)) (start, done event,
	err error) {
	err = t.invoke(ctx, what, args, func(stdout io.Reader) (err error) {
		start, done, err = readEvents(stdout, report)
		return err
	})
	if err == nil && (start.Event == "" || done.Event == "") {
		err = hint.New(toolName+" ended without a result", rebuild)
	}
	return start, done, err
}

// readEvents reads the tool's output to its end.
func readEvents(stdout io.Reader, report func(Progress)) (start, done event, err error) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return start, done, hint.Wrap(fmt.Errorf("%s said %q: %w", toolName, lines.Text(), err), rebuild)
		}
		switch e.Event {
		case "start":
			start = e
		case "progress":
			report(e.Progress)
		case "done":
			done = e
		}
	}
	return start, done, lines.Err()
}
