package cache_test

import (
	"errors"
	"slices"
	"time"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// reference says how each read must be answered, one after the other, by an AWS that answers at once: a list of what
// is remembered, the least recently used first, and the rules as they are told in the README.
type reference struct {
	settings cache.Config
	jitter   float64
	now      time.Time
	ask      func(source.Query) (source.Value, error)

	calls   int
	known   []*remembered
	failed  map[source.Query]failed
	outages map[source.Service]*outage
	told    []cache.Outage
}

// remembered is a value; attempts are those to fetch it anew.
type remembered struct {
	keys             []source.Query
	arn, version     string
	fetched, expires time.Time
	attempts         attempts
}

type failed struct {
	err error
	at  time.Time
}

type outage struct {
	attempts attempts
	begin    time.Time
	reason   string
	stale    int
}

// attempts that failed, in a row.
type attempts struct {
	count  int
	reason string
	next   time.Time
}

func (a *attempts) fail(reason string, jitter float64, now time.Time) {
	longest := []time.Duration{2, 4, 8, 16, 30}[min(a.count, 4)] * time.Second
	a.count++
	a.reason = reason
	a.next = now.Add(longest/2 + time.Duration(jitter*float64(longest/2)))
}

// early says that it is not time for the next. More than the longest pause is no pause, but a clock that stepped back.
func (a *attempts) early(now time.Time) bool {
	left := a.next.Sub(now)
	return left > 0 && left <= 30*time.Second
}

// expected is how a read must be answered.
type expected struct {
	outcome         cache.Outcome
	version, reason string
	age, ttl        time.Duration
	err             error
}

func (r *reference) clear() {
	r.known, r.failed, r.outages = nil, make(map[source.Query]failed), make(map[source.Service]*outage)
}

func (r *reference) ttl(q source.Query) time.Duration {
	if q.Service == source.SecretsManager {
		return r.settings.SecretTTL
	}
	return r.settings.ParameterTTL
}

func (r *reference) find(q source.Query) *remembered {
	for _, e := range r.known {
		if slices.Contains(e.keys, q) {
			return e
		}
	}
	return nil
}

func (r *reference) remove(e *remembered) {
	r.known = slices.DeleteFunc(r.known, func(other *remembered) bool { return other == e })
}

func (r *reference) read(q source.Query, refresh bool) expected {
	e := r.find(q)
	if refresh {
		return r.fetch(q, cache.Refreshed, false)
	}
	if e == nil {
		failure, found := r.failed[q]
		if age := r.now.Sub(failure.at); found && age >= 0 && age < r.settings.NegativeTTL {
			return expected{outcome: cache.Negative, err: failure.err}
		}
		return r.fetch(q, cache.Miss, false)
	}
	r.remove(e)
	r.known = append(r.known, e) // as the one used last
	if r.now.Before(e.fetched) {
		e.fetched, e.expires = r.now, r.now
	}
	past := r.now.Sub(e.expires)
	revalidate, ifError := past < r.settings.StaleWhileRevalidate, past < r.settings.StaleIfError
	outage := r.outages[q.Service]
	stale := expected{outcome: cache.Stale, version: e.version, age: r.now.Sub(e.fetched), ttl: -past}
	switch {
	case past < 0:
		stale.outcome = cache.Hit
		return stale
	case !revalidate && !ifError:
		r.remove(e)
		return r.fetch(q, cache.Expired, false)
	case e.attempts.early(r.now):
		return r.serve(q, stale, e.attempts.reason)
	case outage != nil && outage.attempts.early(r.now):
		return r.serve(q, stale, outage.reason)
	case outage != nil:
		r.serve(q, stale, "")
		reason := outage.reason
		r.fetch(q, cache.Expired, true)
		stale.reason = reason
		return stale
	}
	got := r.fetch(q, cache.Expired, true)
	switch {
	case revalidate:
		return stale
	case got.err == nil || isDefinitive(got.err):
		return got
	}
	return r.serve(q, stale, codeOf(got.err))
}

// serve counts what is served while AWS cannot be read.
func (r *reference) serve(q source.Query, stale expected, reason string) expected {
	if outage := r.outages[q.Service]; outage != nil {
		outage.stale++
	}
	stale.reason = reason
	return stale
}

// fetch makes a call; instead says that it is one in place of a value that could be served.
func (r *reference) fetch(q source.Query, outcome cache.Outcome, instead bool) expected {
	r.calls++
	value, err := r.ask(q)
	e := r.find(q)
	if err == nil {
		r.end(q.Service)
		delete(r.failed, q)
		life := r.ttl(q) - time.Duration(r.jitter*float64(r.ttl(q)/10))
		r.store(q, value, life)
		return expected{outcome: outcome, version: value.VersionID, ttl: life}
	}
	if isDefinitive(err) {
		r.end(q.Service)
		if e != nil && outcome != cache.Refreshed {
			r.remove(e)
			e = nil
		}
	} else if instead {
		r.begin(q.Service, codeOf(err))
		e.attempts.fail(codeOf(err), r.jitter, r.now)
	}
	if e == nil {
		r.failed[q] = failed{err, r.now}
	}
	return expected{outcome: outcome, err: err}
}

func (r *reference) begin(service source.Service, reason string) {
	if r.outages[service] == nil {
		r.outages[service] = &outage{begin: r.now, reason: reason}
		r.told = append(r.told, cache.Outage{Service: service, Reason: reason})
	}
	r.outages[service].attempts.fail(reason, r.jitter, r.now)
}

func (r *reference) end(service source.Service) {
	if was := r.outages[service]; was != nil {
		delete(r.outages, service)
		r.told = append(r.told, cache.Outage{
			Service: service, Over: true, Reason: was.reason, Stale: was.stale, Lasted: max(r.now.Sub(was.begin), 0),
		})
	}
}

// store puts a value in the place of those that its keys led to, and takes over what else was known of the same
// secret.
func (r *reference) store(q source.Query, value source.Value, life time.Duration) {
	latest := &remembered{
		arn: value.ARN, version: value.VersionID, fetched: r.now, expires: r.now.Add(life), keys: []source.Query{q},
	}
	if byARN := q; value.ARN != "" && value.ARN != q.Name {
		byARN.Name = value.ARN
		latest.keys = append(latest.keys, byARN)
	}
	for _, key := range slices.Clone(latest.keys) {
		former := r.find(key)
		if former == nil {
			continue
		}
		r.remove(former)
		for _, other := range former.keys {
			if former.arn == value.ARN && !slices.Contains(latest.keys, other) {
				latest.keys = append(latest.keys, other)
			}
		}
	}
	r.known = append(r.known, latest)
	if len(r.known) > r.settings.MaxItems {
		r.known = r.known[1:]
	}
}

func isDefinitive(err error) bool {
	var failure *source.Error
	return errors.As(err, &failure) && slices.Contains(definitive, failure.Class)
}

func codeOf(err error) string {
	var failure *source.Error
	if errors.As(err, &failure) {
		return failure.Code
	}
	return "InternalError"
}
