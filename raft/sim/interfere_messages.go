package sim

import (
	"fmt"
	"time"
)

// message does something to a message that is on its way.
func (w *World) message(number int, do func(p *packet) error) error {
	return w.event(func() error {
		for _, p := range w.flights {
			if p.number == number {
				return do(p)
			}
		}
		return fmt.Errorf("message %d is not on its way", number)
	})
}

// movable does something to a message that has not arrived and is no snapshot,
// which is a file on its way and no single message.
func (w *World) movable(number int, do func(p *packet) error) error {
	return w.message(number, func(p *packet) error {
		switch {
		case w.isTransfer(p):
			return fmt.Errorf("message %d is a snapshot: it can be dropped, and nothing else", number)
		case p.due <= w.c.now:
			return fmt.Errorf("message %d is there, and waits for %s", number, p.to)
		}
		return do(p)
	})
}

// Drop loses a message.
func (w *World) Drop(number int) error {
	return w.message(number, func(p *packet) error {
		if t := w.transfer(p); t != nil {
			w.c.interrupt(t, "dropped")
			return nil
		}
		if p.due <= w.c.now {
			return fmt.Errorf("message %d is there, and waits for %s", number, p.to)
		}
		p.due = -1
		w.c.lose(p, "dropped")
		return nil
	})
}

// Delay lets a message take so much longer.
func (w *World) Delay(number int, by time.Duration) error {
	return w.movable(number, func(p *packet) error {
		w.c.tell(p, fmt.Sprintf("delayed by %v", max(0, by)))
		w.c.arriveAfter(p, p.due-w.c.now+max(0, by))
		return nil
	})
}

// Deliver lets a message arrive now.
func (w *World) Deliver(number int) error {
	return w.movable(number, func(p *packet) error {
		p.due = w.c.now
		w.c.arrive(p)
		return nil
	})
}

// Duplicate sends a message once more: the copy takes half an election timeout longer.
func (w *World) Duplicate(number int) error {
	return w.movable(number, func(p *packet) error {
		again := *p
		again.repeated = true
		w.c.tell(&again)
		w.c.took(p.from, Input{Kind: Repeated, Message: &again.Message})
		w.launch(&again)
		w.c.arriveAfter(&again, p.due-w.c.now+ElectionTimeout/2)
		return nil
	})
}

// Reorder lets a message arrive right after the next one on its link.
func (w *World) Reorder(number int) error {
	return w.movable(number, func(p *packet) error {
		var next *packet
		for _, q := range w.flights {
			if q.from == p.from && q.to == p.to && q != p && q.due >= p.due && !w.isTransfer(q) && (next == nil || q.due < next.due) {
				next = q
			}
		}
		if next == nil {
			return fmt.Errorf("message %d is the last on its link", number)
		}
		w.c.tell(p, fmt.Sprintf("overtaken by message %d", next.number))
		w.c.arriveAfter(p, next.due-w.c.now+time.Microsecond)
		return nil
	})
}
