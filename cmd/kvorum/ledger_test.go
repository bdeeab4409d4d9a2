//go:build strace

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	kvorumv1 "kvorum/proto/kvorum/v1"
	"kvorum/rpc/client"
)

// fate is what is known of a set.
type fate int

const (
	inFlight     fate = iota // it may have taken effect, or not
	acknowledged             // answered OK, or seen since
	gone                     // it was not there when all others were looked at
)

// ledger is what clients have sent, each key once, and what became of it.
type ledger struct {
	mu    sync.Mutex // guards the rest: clients run beside each other
	sent  map[string]string
	fates map[string]fate
	next  int
}

func newLedger() *ledger { return &ledger{sent: map[string]string{}, fates: map[string]fate{}} }

// begin returns a key and a value of that length that were never sent before.
func (l *ledger) begin(length int) (key, value string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	key = fmt.Sprintf("key-%06d", l.next)
	value = key + strings.Repeat(string(rune('a'+rand.IntN(26))), length)
	l.sent[key] = value
	return key, value
}

// set sends one set and notes its answer.
func (l *ledger) set(ctx context.Context, c *client.Client, length int) error {
	key, value := l.begin(length)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := c.Set(ctx, key, []byte(value))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.fates[key] = acknowledged
	} else if client.Outcome(err) == client.Definite {
		l.fates[key] = gone
	}
	return err
}

// check compares what a server holds with what was sent, and returns how many
// sets were acknowledged, how many of these are lost, and how many that were in
// flight took effect. What it finds once must stay.
func (l *ledger) check(t *testing.T, c *client.Client) (acked, lost, kept int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	found := map[string]bool{}
	for kv, err := range c.List(ctx, &kvorumv1.ListRequest{}) {
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		key := kv.GetKey()
		if !strings.HasPrefix(key, "key-") {
			continue
		}
		found[key] = true
		if want, ok := l.sent[key]; !ok || string(kv.GetValue()) != want {
			t.Errorf("%s holds what nobody has sent", key)
		}
		if l.fates[key] == gone {
			t.Errorf("%s was not there and is again", key)
		}
	}
	for key := range l.sent {
		switch {
		case l.fates[key] == acknowledged && !found[key]:
			acked, lost = acked+1, lost+1
		case l.fates[key] == acknowledged:
			acked++
		case found[key]:
			l.fates[key], kept = acknowledged, kept+1
		default:
			l.fates[key] = gone
		}
	}
	return acked, lost, kept
}
