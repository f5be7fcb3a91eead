package trial

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/fh-ollama/fh-ollama/internal/atomicfile"
	"github.com/fh-ollama/fh-ollama/internal/hint"
)

// identity is who runs llama-server; nil is this user.
type identity struct{ credential *syscall.Credential }

// account returns who runs server: the user called name; else, for root, its owner; else this user. A user that cannot be
// found, such as one that systemd makes when its service starts, counts as "".
func account(name, server string) (identity, error) {
	owner := 0 // of another user, if there is one: the program is run with the rights of that user alone
	for _, path := range []string{filepath.Dir(server), server} {
		info, err := os.Stat(path)
		if err != nil {
			return identity{}, hint.Wrap(err, "install Ollama again")
		}
		uid := int(info.Sys().(*syscall.Stat_t).Uid)
		mine := uid == 0 || uid == os.Geteuid()
		if info.Mode().Perm()&0o002 != 0 || !mine && (os.Geteuid() != 0 || owner != 0 && owner != uid) {
			return identity{}, notTried(server)
		}
		owner = max(owner, uid)
	}
	if os.Geteuid() != 0 {
		return identity{}, nil
	}
	u, err := user.Lookup(name)
	if owner != 0 {
		if u, err = user.LookupId(strconv.Itoa(owner)); err != nil {
			return identity{}, notTried(server)
		}
	}
	if err != nil || u.Uid == "0" {
		return identity{}, nil
	}
	return identityOf(u)
}

func identityOf(u *user.User) (identity, error) {
	numbers := []uint32{}
	ids, _ := u.GroupIds()
	for _, id := range append([]string{u.Uid, u.Gid}, ids...) {
		n, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return identity{}, err
		}
		numbers = append(numbers, uint32(n))
	}
	return identity{&syscall.Credential{Uid: numbers[0], Gid: numbers[1], Groups: numbers[2:]}}, nil
}

// apply makes cmd run as i.
func (i identity) apply(cmd *exec.Cmd) {
	if i.credential == nil {
		return
	}
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Credential = i.credential
}

// folder makes a temporary folder that i may write to, and returns what removes it. Another user may not enter every folder for
// temporary files, but everybody's.
func (i identity) folder() (path string, remove func(), err error) {
	if i.credential == nil {
		dir, err := atomicfile.NewFolder("trial")
		return dir.Path, func() { dir.Remove() }, err
	}
	const pattern = "fh-ollama-trial-*"
	left, _ := filepath.Glob(filepath.Join(everybodys, pattern))
	for _, dir := range left { // by a killed one: no trial takes so long
		if info, err := os.Lstat(dir); err == nil && info.IsDir() && time.Since(info.ModTime()) > 10*timeout {
			os.RemoveAll(dir)
		}
	}
	path, err = os.MkdirTemp(everybodys, pattern)
	if err != nil {
		return "", nil, err
	}
	if err = os.Chown(path, int(i.credential.Uid), int(i.credential.Gid)); err != nil {
		os.RemoveAll(path)
	}
	return path, func() { os.RemoveAll(path) }, err
}

// everybodys is the folder for temporary files that every user may enter.
const everybodys = "/tmp"
