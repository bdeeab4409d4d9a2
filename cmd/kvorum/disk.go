package main

import (
	"errors"
	"fmt"
	"syscall"
)

// advise adds to an error of the disk what to do about it. Whatever was
// acknowledged before it is safe: that is why the server has ended.
func advise(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w; free space there and start again: nothing acknowledged is lost", err)
	case errors.Is(err, syscall.EIO):
		return fmt.Errorf("%w; the disk fails: see the system's log, and start again on a disk that works; "+
			"if the folder cannot be saved, remove this server from the cluster and let it join again with an empty one", err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%w; systems turn a disk that fails read-only: see the system's log, make it writable and start again", err)
	}
	return err
}
