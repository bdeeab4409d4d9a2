package wal

import (
	"os"

	"golang.org/x/sys/unix"
)

// datasync syncs the content of f, and of its metadata only what is needed to
// read it back.
func datasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}
