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

// identity is the user that runs llama-server; without a credential it is this one.
type identity struct{ credential *syscall.Credential }

// account returns the user to run server as. For root it is the owner of the file unless that is root, else the user
// called name; others run it as themselves. A name without a user, such as one that systemd makes at the start of a
// service, counts as "".
func account(name, server string) (identity, error) {
	owner := 0 // another user's program runs only with the rights of that user
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

// folder creates a temporary folder that i may write to, and returns a function that removes it. Another user may not
// be able to enter TMPDIR, but everybody can enter /tmp.
func (i identity) folder() (path string, remove func(), err error) {
	if i.credential == nil {
		dir, err := atomicfile.NewFolder("trial")
		return dir.Path, func() { dir.Remove() }, err
	}
	const pattern = "fh-ollama-trial-*"
	left, _ := filepath.Glob(filepath.Join(everybodys, pattern))
	for _, dir := range left { // from a killed trial: no trial takes this long
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

// everybodys is the temporary folder that every user may enter.
const everybodys = "/tmp"
