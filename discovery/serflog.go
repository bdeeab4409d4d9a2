package discovery

import (
	"bytes"
	"log"
	"log/slog"
	"strings"
)

// logWriter passes the lines of Serf and memberlist, "[LEVEL] text", on to slog.
// What they call an error is one peer that does not answer, so it arrives one
// level lower; all the rest is for those who debug.
type logWriter struct{ log *slog.Logger }

func newLogger(to *slog.Logger) *log.Logger { return log.New(logWriter{to}, "", 0) }

// Write takes one line.
func (w logWriter) Write(line []byte) (int, error) {
	text := string(bytes.TrimSpace(line))
	if rest, isError := strings.CutPrefix(text, "[ERR] "); isError {
		w.log.Warn(rest)
	} else {
		w.log.Debug(text)
	}
	return len(line), nil
}
