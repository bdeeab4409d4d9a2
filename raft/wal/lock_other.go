//go:build !unix

package wal

import (
	"errors"
	"io"
)

// Lock fails: a server needs a system whose locks end with the process that
// holds them. The simulator runs anywhere, on MemFS.
func (osFS) Lock(string) (io.Closer, error) { return nil, errors.ErrUnsupported }
