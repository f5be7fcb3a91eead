package atomicfile

import (
	"errors"
	"syscall"
)

// Full reports whether an error in writing is for want of room: on the disk, in a quota, or in what a file may be.
func Full(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}
