package trial

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/hint"
	"github.com/fh-ollama/fh-ollama/internal/installation"
	"github.com/fh-ollama/fh-ollama/internal/process"
)

// listTimeout bounds the listing of devices: GPU drivers can hang.
const listTimeout = 30 * time.Second

// Listed reports whether llama-server lists the plug-in among its devices. Ollama numbers its GPUs by that list, so the
// plug-in would shift the numbers and Ollama would lose its GPUs.
func (t Trial) Listed(ctx context.Context) (bool, error) {
	server := filepath.Join(t.LibDir, installation.ServerName)
	user, err := account(t.Account, server)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, server, "--list-devices")
	cmd.Env = append(environment(), "GGML_BACKEND_PATH="+t.Library)
	cmd.Dir = "/"
	cmd.WaitDelay = time.Second
	user.apply(cmd)
	process.EndWithParent(cmd)
	text, err := cmd.CombinedOutput()
	if err != nil {
		return false, hint.Wrap(fmt.Errorf("%s --list-devices: %w", server, err),
			"see whether it runs without the plug-in; if not, install Ollama again")
	}
	return strings.Contains(string(text), "\n  FlashHead: "), nil
}
