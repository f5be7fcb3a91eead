package installation

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// socket is a listening socket.
type socket struct {
	inode string
	uid   int // of the user who opened it
}

// listening returns the sockets that listen at a TCP port of this machine.
func (p Places) listening(port int) []socket {
	var all []socket
	for _, name := range []string{"tcp", "tcp6"} {
		data, _ := os.ReadFile(filepath.Join(p.Proc, "net", name))
		for line := range strings.Lines(string(data)) {
			f := strings.Fields(line) // number, local and remote address, state, …, 7: user, 8: timeout, 9: inode
			const listen = "0A"
			if len(f) < 10 || f[3] != listen {
				continue
			}
			_, hex, _ := strings.Cut(f[1], ":")
			at, err := strconv.ParseUint(hex, 16, 16)
			uid, uidErr := strconv.Atoi(f[7])
			if err == nil && uidErr == nil && int(at) == port {
				all = append(all, socket{f[9], uid})
			}
		}
	}
	return all
}

// markAnswering sets Answers of the server that listens at OLLAMA_HOST. We cannot see which sockets belong to another
// user's process, so it must be that user's only server.
func (p Places) markAnswering(servers []Server) {
	if p.Port == 0 {
		return
	}
	for _, sock := range p.listening(p.Port) {
		var hidden []int
		for i, s := range servers {
			entries, err := os.ReadDir(p.process(s.PID, "fd"))
			if err != nil {
				if s.UID == sock.uid {
					hidden = append(hidden, i)
				}
				continue
			}
			for _, e := range entries {
				if target, err := os.Readlink(p.process(s.PID, "fd", e.Name())); err == nil && target == "socket:["+sock.inode+"]" {
					servers[i].Answers = true
				}
			}
		}
		if len(hidden) == 1 {
			servers[hidden[0]].Answers = true
		}
	}
}
