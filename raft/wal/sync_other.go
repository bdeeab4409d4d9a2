//go:build !linux

package wal

import "os"

// datasync syncs f. On macOS os.File.Sync asks for F_FULLFSYNC, which waits for
// the disk itself; fsync alone would stop at its cache.
func datasync(f *os.File) error { return f.Sync() }
