package sim

import "time"

// event is something that happens at a time. Events at one time happen in the
// order in which they were planned.
type event struct {
	at    time.Duration
	order int
	do    func()
}

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.order < f.order }

// events is a heap, the next event first. It is written out because it is where
// a simulator spends its time: container/heap would box every event.
type events struct {
	heap  []event
	count int
}

func (e *events) add(at time.Duration, do func()) {
	e.count++
	e.heap = append(e.heap, event{at, e.count, do})
	for i := len(e.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !e.heap[i].before(e.heap[parent]) {
			return
		}
		e.heap[i], e.heap[parent] = e.heap[parent], e.heap[i]
		i = parent
	}
}

func (e *events) next() event {
	first, last := e.heap[0], len(e.heap)-1
	e.heap[0] = e.heap[last]
	e.heap[last] = event{} // let go of what its function holds
	e.heap = e.heap[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if e.heap[child].before(e.heap[least]) {
				least = child
			}
		}
		if least == i {
			return first
		}
		e.heap[i], e.heap[least] = e.heap[least], e.heap[i]
		i = least
	}
}
