package wal

import (
	"log/slog"
	"time"
)

// progressInterval is how often a step that takes long is spoken of: a start
// that reads gigabytes must not look as if it hung.
const progressInterval = 2 * time.Second

// progress tells a person how far a long step has come.
type progress struct {
	logger *slog.Logger
	next   time.Time
}

func newProgress(logger *slog.Logger) progress {
	return progress{logger, time.Now().Add(progressInterval)}
}

// tell logs the message, unless it is too soon for it.
func (p *progress) tell(message string, args ...any) {
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(progressInterval)
		p.logger.Info(message, args...)
	}
}
