//go:build !unix

package sim

import "time"

var started = time.Now()

// cpuTime returns how long this process runs, where nothing better is known.
func cpuTime() time.Duration { return time.Since(started) }
