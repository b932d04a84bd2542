package cache

import (
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"larder/extension/internal/source"
)

// mostFailures bounds what is remembered of names that cannot be read. They have their own bound, so that a loop on
// missing names does not drive values out.
const mostFailures = 256

// failures remembers for a short time what could not be read (negative caching). Not safe for concurrent use.
type failures struct {
	recent *simplelru.LRU[source.Query, failure]
}

type failure struct {
	err   error
	until time.Time
}

func newFailures() *failures {
	recent, _ := simplelru.NewLRU[source.Query, failure](mostFailures, nil) // the only error is a size below 1
	return &failures{recent}
}

// find returns the failure of q; nil if none is remembered. One that would last longer than ttl was remembered by a
// clock that has stepped back since.
func (f *failures) find(q source.Query, now time.Time, ttl time.Duration) error {
	if f.recent.Len() == 0 {
		return nil
	}
	known, found := f.recent.Get(q)
	if !found {
		return nil
	}
	if left := known.until.Sub(now); left <= 0 || left > ttl {
		f.recent.Remove(q)
		return nil
	}
	return known.err
}

// add keeps q, which must not be borrowed.
func (f *failures) add(q source.Query, err error, until time.Time) {
	f.recent.Add(q, failure{err, until})
}

func (f *failures) drop(q source.Query) { f.recent.Remove(q) }

func (f *failures) clear() { f.recent.Purge() }
