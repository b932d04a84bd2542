package cache_test

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// model is a cache and the reference for it, before the same AWS.
type model struct {
	*scene
	world     *world
	reference *reference
	news      news
}

// newModel draws the settings: each rule is off at times, short, or long.
func newModel(random *rand.Rand) *model {
	m := &model{world: newWorld(random)}
	among := func(seconds ...int) time.Duration {
		return time.Duration(seconds[random.IntN(len(seconds))]) * time.Second
	}
	settings := cache.Config{
		MaxItems: []int{1, 5, 100, 100}[random.IntN(4)], MaxBytes: 1 << 20,
		SecretTTL: among(10, 300), ParameterTTL: among(10, 100),
		StaleIfError: among(0, 20, 3600, 3600), StaleWait: staleWait,
		StaleWhileRevalidate: among(0, 0, 20, 3600), NegativeTTL: among(0, 2, 60),
	}
	m.scene = newScene(func(cfg *cache.Config) {
		settings.Now, settings.Jitter, settings.Outage = cfg.Now, cfg.Jitter, m.news.take
		*cfg = settings
	})
	m.setJitter(random.Float64())
	m.stock.answer(func(_ int, q source.Query) (source.Value, error) { return m.world.answer(q) })
	m.reference = &reference{settings: settings, jitter: m.jitter, ask: m.world.answer}
	m.reference.clear()
	return m
}

// step changes the world, the time, or the cache, and then reads.
func (m *model) step(t *testing.T) {
	t.Helper()
	random := m.world.random
	m.world.change()
	switch random.IntN(100) {
	case 0:
		m.advance(time.Duration(random.Int64N(int64(90 * time.Minute))))
	case 1:
		m.advance(-time.Duration(random.Int64N(int64(2 * time.Minute))))
	case 2:
		m.Clear()
		m.reference.clear()
	default:
		m.advance(time.Duration(random.Int64N(int64(time.Second) << random.IntN(6))))
	}
	q, refresh := m.world.query(), random.IntN(10) == 0
	m.reference.now = m.now
	want := m.reference.read(q, refresh)
	answer, err := m.Get(q, refresh)
	got := expected{
		outcome: answer.Outcome, version: answer.VersionID, reason: answer.Reason,
		age: answer.Age, ttl: answer.TTL, err: err,
	}
	if got != want {
		t.Errorf("%+v, refresh %t: got %s %+v, want %s %+v", q, refresh, nameOf(got.outcome), got, nameOf(want.outcome), want)
	}
	m.settle(t)
	m.checkCalls(t, m.reference.calls)
	m.news.check(t, m.reference.told...)
	m.reference.told = nil
}

// Over thousands of reads, while faults come and go, the cache answers as the simple reference does, makes the same
// calls, and tells the same of outages; its insides stay consistent.
func TestModel(t *testing.T) {
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			m := newModel(rand.New(rand.NewPCG(seed, 0)))
			for step := range 500 {
				if m.step(t); t.Failed() {
					t.Fatalf("seed %d, step %d", seed, step)
				}
			}
		})
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
