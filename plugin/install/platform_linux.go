package install

import "golang.org/x/sys/unix"

// supported returns nil where Ollama loads libraries as the plug-in needs it.
func supported() error { return nil }

// mayWrite reports whether this user may make, replace and remove files in dir.
func mayWrite(dir string) bool {
	return unix.Faccessat(unix.AT_FDCWD, dir, unix.W_OK|unix.X_OK, unix.AT_EACCESS) == nil
}
