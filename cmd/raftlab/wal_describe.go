package main

import (
	"fmt"
	"time"

	"kvorum/kv"
	"kvorum/raft"
	"kvorum/raft/wal"
)

// description says in words what a record holds. Values of keys are not for
// every eye, nor for every screen: they are shown only where that is asked for.
type description struct{ values bool }

func (d description) item(item wal.Item) string {
	switch i := item.(type) {
	case wal.HeadItem:
		return fmt.Sprintf("the segment begins in term %d, %s, with the log up to %d", i.CurrentTerm, vote(i.VotedFor), i.Last)
	case wal.HardStateItem:
		return fmt.Sprintf("term %d, %s", i.CurrentTerm, vote(i.VotedFor))
	case wal.EntryItem:
		return fmt.Sprintf("%v %s", i.EntryID, d.entry(i.Entry))
	case wal.ResetItem:
		return fmt.Sprintf("the log is dropped: a snapshot up to %d is in its place", i.Last)
	case wal.DiscardItem:
		return fmt.Sprintf("entries up to %d are not needed any more", i.Last)
	case wal.EndItem:
		return "the log goes on in the next segment"
	}
	panic(fmt.Sprintf("raftlab: an item of type %T", item))
}

func (d description) entry(e raft.Entry) string {
	if e.Config != nil {
		return fmt.Sprintf("configuration %v", e.Config)
	}
	if len(e.Command) == 0 {
		return "no-op"
	}
	command, err := kv.Decode(e.Command)
	if err != nil {
		return fmt.Sprintf("a command of %s: %v", bytesOf(e.Command), err)
	}
	return d.command(command)
}

func (d description) command(command kv.Command) string {
	switch c := command.(type) {
	case kv.Set:
		return fmt.Sprintf("set %q to %s", c.Key, d.value(c.Value)) + once(c.Once)
	case kv.Delete:
		return fmt.Sprintf("delete %q", c.Key) + once(c.Once)
	case kv.CompareAndSet:
		return fmt.Sprintf("set %q to %s if %s", c.Key, d.value(c.Value), d.expected(c.Expected)) + once(c.Once)
	case kv.OpenSession:
		return "open a session"
	case kv.CloseSession:
		return fmt.Sprintf("close session %d", c.Session)
	case kv.PutServer:
		text := fmt.Sprintf("server %s at %s", c.ID, c.Addr)
		if c.StayLearner {
			text += ", to stay a learner"
		}
		if c.Readmit {
			text += ", even if it was removed"
		}
		return text
	case kv.RemoveServer:
		return fmt.Sprintf("remove server %s", c.ID)
	case kv.Clock:
		return "clock " + time.UnixMilli(c.UnixMilli).UTC().Format("2006-01-02 15:04:05.000")
	}
	return fmt.Sprintf("a command of type %T", command)
}

func (d description) value(v []byte) string {
	if d.values {
		return fmt.Sprintf("%q", v)
	}
	return bytesOf(v)
}

func bytesOf(v []byte) string {
	if len(v) == 1 {
		return "1 byte"
	}
	return fmt.Sprintf("%d bytes", len(v))
}

func (d description) expected(e kv.Expected) string {
	switch e := e.(type) {
	case kv.HasValue:
		return "it is " + d.value(e)
	case kv.AtRevision:
		return fmt.Sprintf("it is at revision %d", e)
	}
	return "there is none"
}

func once(o *kv.Once) string {
	if o == nil {
		return ""
	}
	return fmt.Sprintf(" (session %d, write %d)", o.Session, o.Sequence)
}
