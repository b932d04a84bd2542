package cache_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// world is AWS and the cache in front of it as simply as they can be told: what each name stands for now, and a
// list of what is remembered, the least recently used first.
type world struct {
	scene   *scene
	random  *rand.Rand
	made    map[string]int // how often each secret was made anew
	version int            // of all values together
	failing source.Class   // 0: AWS answers

	most    int
	entries []*remembered
}

type remembered struct {
	keys    []source.Query
	arn     string
	version string
	fetched time.Time
}

func newWorld(seed uint64, most int) *world {
	w := &world{random: rand.New(rand.NewPCG(seed, 0)), made: make(map[string]int), most: most}
	w.scene = newScene(func(cfg *cache.Config) { cfg.MaxItems = most })
	w.scene.stock.answer(func(_ int, q source.Query) (source.Value, error) { return w.answer(q) })
	return w
}

func (w *world) arn(name string) string {
	return fmt.Sprintf("arn:aws:secretsmanager:eu-west-1:123456789012:secret:%s-%06d", name, w.made[name])
}

// answer is what AWS says: an ARN of a former making is not found.
func (w *world) answer(q source.Query) (source.Value, error) {
	if w.failing != 0 {
		return source.Value{}, &source.Error{Class: w.failing}
	}
	value := source.Value{Body: []byte("x"), VersionID: fmt.Sprint(w.version)}
	if q.Service != source.SecretsManager {
		return value, nil
	}
	for name := range w.made {
		if q.Name == name || q.Name == w.arn(name) {
			value.ARN = w.arn(name)
			return value, nil
		}
	}
	return source.Value{}, &source.Error{Class: source.NotFound}
}

func (w *world) find(q source.Query) *remembered {
	for _, e := range w.entries {
		if slices.Contains(e.keys, q) {
			return e
		}
	}
	return nil
}

func (w *world) remove(e *remembered) {
	w.entries = slices.DeleteFunc(w.entries, func(other *remembered) bool { return other == e })
}

// expect says how a read must be answered, and remembers as the cache should.
func (w *world) expect(q source.Query, refresh bool) (outcome cache.Outcome, version string, failed bool) {
	ttl := secretTTL
	if q.Service == source.ParameterStore {
		ttl = parameterTTL
	}
	now := w.scene.now
	e := w.find(q)
	if e != nil && !refresh {
		w.remove(e) // and put back as the one used last
		w.entries = append(w.entries, e)
	}
	switch {
	case refresh:
		outcome = cache.Refreshed
	case e == nil:
		outcome = cache.Miss
	case !now.Before(e.fetched) && now.Sub(e.fetched) < ttl:
		return cache.Hit, e.version, false
	default:
		outcome = cache.Expired
	}
	value, err := w.answer(q)
	if err != nil {
		if e != nil && !refresh && !err.(*source.Error).Transient() {
			w.remove(e)
		}
		return outcome, "", true
	}
	w.store(q, value, now)
	return outcome, value.VersionID, false
}

// store puts a new value in the place of those that its keys led to, and takes over what else was known of the
// same secret.
func (w *world) store(q source.Query, value source.Value, now time.Time) {
	latest := &remembered{arn: value.ARN, version: value.VersionID, fetched: now, keys: []source.Query{q}}
	if byARN := q; value.ARN != "" && value.ARN != q.Name {
		byARN.Name = value.ARN
		latest.keys = append(latest.keys, byARN)
	}
	for _, key := range slices.Clone(latest.keys) {
		former := w.find(key)
		if former == nil {
			continue
		}
		w.remove(former)
		for _, other := range former.keys {
			if former.arn == value.ARN && !slices.Contains(latest.keys, other) {
				latest.keys = append(latest.keys, other)
			}
		}
	}
	w.entries = append(w.entries, latest)
	if len(w.entries) > w.most {
		w.entries = w.entries[1:]
	}
}

// query picks one of few, so that they meet often.
func (w *world) query() source.Query {
	name := string(rune('a' + w.random.IntN(6)))
	if w.random.IntN(3) == 0 {
		q := parameter(name)
		q.WithDecryption = w.random.IntN(2) == 0
		return q
	}
	w.made[name] += 0
	q := secret(name)
	if w.random.IntN(2) == 0 {
		q.Name = w.arn(name)
	}
	if w.random.IntN(3) == 0 {
		q.VersionStage = "AWSPREVIOUS"
	}
	return q
}

// step changes the world a little, and then reads.
func (w *world) step(t *testing.T) {
	t.Helper()
	switch w.random.IntN(20) {
	case 0:
		w.failing = []source.Class{source.NotFound, source.Throttled, source.TimedOut}[w.random.IntN(3)]
	case 1, 2, 3:
		w.failing = 0
	case 4:
		w.made[string(rune('a'+w.random.IntN(6)))]++
	case 5:
		w.scene.advance(time.Duration(w.random.Int64N(int64(2 * secretTTL))))
	case 6, 7, 8, 9:
		w.scene.advance(time.Duration(w.random.Int64N(int64(parameterTTL / 4))))
	case 10:
		w.scene.advance(-time.Duration(w.random.Int64N(int64(time.Minute))))
	case 11:
		if w.random.IntN(5) == 0 {
			w.scene.Clear()
			w.entries = nil
		}
	}
	w.version++
	q, refresh := w.query(), w.random.IntN(8) == 0
	outcome, version, failed := w.expect(q, refresh)
	answer, err := w.scene.Get(q, refresh)
	if answer.Outcome != outcome || answer.VersionID != version || (err != nil) != failed {
		t.Fatalf("%+v: %s with %q and %v, want %s with %q and an error: %t",
			q, nameOf(answer.Outcome), answer.VersionID, err, nameOf(outcome), version, failed)
	}
	w.scene.checkInside(t)
}

// Over thousands of reads the cache answers as the simple list does, and its insides stay consistent.
func TestModel(t *testing.T) {
	for seed := range uint64(8) {
		for _, most := range []int{1, 2, 5, 100} {
			w := newWorld(seed, most)
			for range 1500 {
				w.step(t)
				if t.Failed() {
					t.Fatalf("with seed %d and %d items", seed, most)
				}
			}
		}
	}
}

// With values of all sizes the count of bytes stays right, the bound holds, and a hit is what came last.
func TestModelOfSizes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	s := newScene(func(cfg *cache.Config) { cfg.MaxItems, cfg.MaxBytes = 20, 30_000 })
	hits := 0
	last := make(map[string]string) // by the bare name
	for range 20_000 {
		s.stock.sized(random.IntN(200 << random.IntN(9)))
		name := string(rune('a' + random.IntN(26)))
		q := secret(name)
		if random.IntN(2) == 0 {
			q.Name = arnOf(name)
		}
		answer := s.mustGet(t, q, random.IntN(10) == 0)
		if answer.Outcome != cache.Hit {
			last[q.Name] = answer.VersionID
			if q.Name == name {
				last[arnOf(name)] = answer.VersionID
			}
			continue
		}
		hits++
		if answer.VersionID != last[q.Name] && answer.VersionID != last[arnOf(name)] {
			t.Fatalf("a hit of %s is %s, the last was %s", q.Name, answer.VersionID, last[q.Name])
		}
	}
	if hits < 1000 {
		t.Errorf("only %d hits", hits)
	}
}
