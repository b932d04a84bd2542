package source

import (
	"context"
	"slices"
	"sync"
	"time"
)

// gathering is how long a read that comes while another is under way leaves others time to go with it, where reads
// can go together.
const gathering = 2 * time.Millisecond

// queue lets reads go to AWS in the order in which they came: no more at one time than there are connections, and no
// faster than AWS takes them.
type queue struct {
	connections int

	mu      sync.Mutex
	busy    int
	waiting []*waiter // the oldest first
	pace    pace
	timer   *time.Timer
}

// waiter is one read in the queue. Once its turn has come it holds a connection, unless another read has served it.
type waiter struct {
	query   Query
	group   group
	most    int // reads of the group that may go together; 1 for alone
	since   time.Time
	turn    chan struct{} // closed when its turn has come
	company []*waiter     // those that it takes along

	served bool
	value  Value
	err    *Error
}

func newQueue(connections int) *queue { return &queue{connections: connections} }

// wait returns the waiter when its turn has come, or nil if ctx was done before.
func (q *queue) wait(ctx context.Context, w *waiter) *waiter {
	w.since, w.turn = time.Now(), make(chan struct{})
	q.mu.Lock()
	q.waiting = append(q.waiting, w)
	q.dispatch()
	q.mu.Unlock()
	select {
	case <-w.turn:
		return w
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, w); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		return nil
	}
	select {
	case <-w.turn: // at the same moment; it has to give its connection back
		return w
	default: // another has taken it along, and will serve it in vain
		return nil
	}
}

// leave gives the connection back.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy--
	q.dispatch()
}

// throttled slows the queue down, since AWS has refused a call that began at that time.
func (q *queue) throttled(begin time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pace.throttled(begin, time.Now())
}

// isPaced says that calls are spaced out.
func (q *queue) isPaced() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pace.perSecond > 0
}

func (q *queue) reset() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pace = pace{}
	q.dispatch()
}

// dispatch lets go who may go now, and comes back when the next one may. The lock is held.
func (q *queue) dispatch() {
	for q.busy < q.connections && len(q.waiting) > 0 {
		now := time.Now()
		if wait := max(q.pace.wait(now), q.gather(now)); wait > 0 {
			q.later(wait)
			return
		}
		q.busy++
		q.pace.took(now)
		close(q.next().turn)
	}
}

// later dispatches again after that time.
func (q *queue) later(wait time.Duration) {
	if q.timer != nil {
		q.timer.Reset(wait)
		return
	}
	q.timer = time.AfterFunc(wait, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.dispatch()
	})
}

// gather is how long the oldest waits for company: not at all if it is alone, and has been waiting long enough, or if
// there are as many as can go together.
func (q *queue) gather(now time.Time) time.Duration {
	oldest := q.waiting[0]
	if q.busy == 0 || len(q.company(oldest)) == oldest.most-1 {
		return 0
	}
	return gathering - now.Sub(oldest.since)
}

// next takes the oldest out of the queue, with those that go along.
func (q *queue) next() *waiter {
	oldest := q.waiting[0]
	oldest.company = q.company(oldest)
	q.waiting = slices.DeleteFunc(q.waiting, func(w *waiter) bool {
		return w == oldest || slices.Contains(oldest.company, w)
	})
	return oldest
}

// company lists those that can go along with the oldest: of its group, each name once.
func (q *queue) company(oldest *waiter) []*waiter {
	if oldest.most == 1 {
		return nil
	}
	names := map[string]bool{oldest.group.name(oldest.query): true}
	var company []*waiter
	for _, w := range q.waiting[1:] {
		if len(company) == oldest.most-1 {
			break
		}
		if name := w.group.name(w.query); w.most > 1 && w.group == oldest.group && !names[name] {
			names[name] = true
			company = append(company, w)
		}
	}
	return company
}
