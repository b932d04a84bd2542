package cache

import (
	"slices"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"larder/extension/internal/source"
)

// entry is one remembered value, and what is being done to fetch it anew.
type entry struct {
	body      []byte
	arn       string // a secret's; empty for a parameter
	versionID string
	place     place
	fetched   time.Time
	expires   time.Time
	keys      []source.Query // all queries that lead here

	asking   bool      // a fetch is under way
	patience time.Time // until then reads wait for it
	failures int       // fetches in a row that failed
	reason   string    // code of the last failure
	retry    time.Time // not before that is it fetched again
}

// place puts what AWS said into an order. A fetch that began first may have made its last attempt last.
type place struct {
	asked  time.Time // when the attempt began
	number uint64    // of the fetch, where that is the same
}

func (p place) after(other place) bool {
	return p.asked.After(other.asked) || (p.asked.Equal(other.asked) && p.number > other.number)
}

func (e *entry) fresh(now time.Time) bool {
	return now.Before(e.expires) && !now.Before(e.fetched)
}

// steppedBack makes a value that comes from the future expire now. It is not known how old it is; by its own times
// it could be served for as long as the clock stepped back.
func (e *entry) steppedBack(now time.Time) {
	if now.Before(e.fetched) {
		e.fetched, e.expires = now, now
	}
}

// failed takes note of a fetch that failed; jitter is in [0, 1).
func (e *entry) failed(reason string, jitter float64, now time.Time) {
	e.asking = false
	e.failures++
	e.reason = reason
	e.retry = now.Add(backoff(e.failures, jitter))
}

func (e *entry) answer(outcome Outcome, now time.Time) Answer {
	return Answer{
		Outcome:   outcome,
		Body:      e.body,
		VersionID: e.versionID,
		Age:       now.Sub(e.fetched),
		TTL:       e.expires.Sub(now),
	}
}

// overhead is what an entry costs beside its body and the strings of its keys: structures, the place of each
// key in a map, and what an allocation is rounded up by.
const (
	overhead       = 256
	overheadPerKey = 256
)

func (e *entry) bytes() int64 {
	sum := overhead + len(e.body) + len(e.arn) + len(e.versionID)
	for _, key := range e.keys {
		sum += overheadPerKey + len(key.Name) + len(key.VersionID) + len(key.VersionStage) + len(key.Selector)
	}
	return int64(sum)
}

// entries finds an entry by any of its keys, and drops the least recently used when there are too many or too
// large ones. Not safe for concurrent use.
type entries struct {
	byKey    map[source.Query]*entry
	recent   *simplelru.LRU[*entry, int64] // with the bytes that each was counted with
	bytes    int64
	maxBytes int64
}

func newEntries(maxItems int, maxBytes int64) *entries {
	s := &entries{byKey: make(map[source.Query]*entry), maxBytes: maxBytes}
	s.recent, _ = simplelru.NewLRU(max(maxItems, 1), s.removed) // the only error is a size below 1
	return s
}

// find returns the entry and counts it as used; nil if there is none.
func (s *entries) find(q source.Query) *entry {
	e := s.byKey[q]
	if e != nil {
		s.recent.Get(e)
	}
	return e
}

// add remembers e as the answer to q. It says no if there is already what AWS was asked for later, or if e alone
// would fill the whole cache.
func (s *entries) add(q source.Query, e *entry) bool {
	e.keys = keysOf(q, e.arn)
	for _, key := range e.keys {
		if other := s.byKey[key]; other != nil && other.place.after(e.place) {
			return false
		}
	}
	for _, key := range e.keys {
		older := s.byKey[key]
		if older == nil {
			continue
		}
		s.recent.Remove(older)
		if older.arn == e.arn { // else its other keys named a secret that the name does not stand for any more
			e.keys = union(e.keys, older.keys)
		}
	}
	size := e.bytes()
	if size > s.maxBytes {
		return false
	}
	for _, key := range e.keys {
		s.byKey[key] = e
	}
	s.bytes += size
	s.recent.Add(e, size)
	for s.bytes > s.maxBytes {
		s.recent.RemoveOldest()
	}
	return true
}

func (s *entries) remove(e *entry) { s.recent.Remove(e) }

func (s *entries) clear() { s.recent.Purge() }

// removed is called for every entry that leaves, whatever the reason.
func (s *entries) removed(e *entry, size int64) {
	s.bytes -= size
	e.asking = false // whoever waits with it in hand
	for _, key := range e.keys {
		delete(s.byKey, key)
	}
}

// keysOf lists the queries that have the same answer as q: a secret is also found by its ARN. The other way
// round, the name in an ARN's answer is no key: a secret of another account or region has it, too.
func keysOf(q source.Query, arn string) []source.Query {
	if arn == "" || arn == q.Name {
		return []source.Query{q}
	}
	byARN := q
	byARN.Name = arn
	return []source.Query{q, byARN}
}

func union(keys, others []source.Query) []source.Query {
	for _, key := range others {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}
