package dashboard

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

// journalLength is how many records a Journal keeps: what happened lately, in less
// memory and a smaller answer than would ever matter.
const journalLength = 50

// Journal keeps the latest records of a log, so that others can be told what
// happened lately and why. Its zero value is empty and ready.
type Journal struct {
	mu      sync.Mutex // guards the rest: everybody logs, and handlers of requests read
	records []*kvorumv1.LogRecord
	last    uint64 // the number of the latest
}

// Handler returns a handler that keeps records of level info and above, whatever
// next is enabled for, and passes on to next what that is.
func (j *Journal) Handler(next slog.Handler) slog.Handler { return &keeper{journal: j, next: next} }

// Records returns the latest records, oldest first. They must not be changed.
func (j *Journal) Records() []*kvorumv1.LogRecord {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.records)
}

func (j *Journal) add(r *kvorumv1.LogRecord) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	r.Number = j.last
	if len(j.records) == journalLength {
		j.records = slices.Delete(j.records, 0, 1)
	}
	j.records = append(j.records, r)
}

// keeper is the handler of a Journal.
type keeper struct {
	journal *Journal
	next    slog.Handler
	fields  []string // of every record
	group   string   // what names begin with
}

// Enabled implements slog.Handler.
func (k *keeper) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || k.next.Enabled(ctx, level)
}

// Handle implements slog.Handler.
func (k *keeper) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		fields := slices.Clone(k.fields)
		r.Attrs(func(a slog.Attr) bool {
			fields = append(fields, k.field(a))
			return true
		})
		k.journal.add(&kvorumv1.LogRecord{UnixMilli: r.Time.UnixMilli(), Level: r.Level.String(), Text: r.Message, Fields: fields})
	}
	if !k.next.Enabled(ctx, r.Level) {
		return nil
	}
	return k.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (k *keeper) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *k
	with.next, with.fields = k.next.WithAttrs(attrs), slices.Clone(k.fields)
	for _, a := range attrs {
		with.fields = append(with.fields, k.field(a))
	}
	return &with
}

// WithGroup implements slog.Handler.
func (k *keeper) WithGroup(name string) slog.Handler {
	with := *k
	with.next, with.group = k.next.WithGroup(name), k.group+name+"."
	return &with
}

func (k *keeper) field(a slog.Attr) string { return k.group + a.Key + "=" + a.Value.Resolve().String() }
