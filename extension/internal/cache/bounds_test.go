package cache_test

import (
	"fmt"
	"strings"
	"testing"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// The least recently used makes room when there are too many, secrets and parameters together; a hit is a use.
func TestBoundByItems(t *testing.T) {
	s := newScene(func(cfg *cache.Config) { cfg.MaxItems = 3 })
	s.checkRead(t, secret("a"), cache.Miss, 1)
	s.checkRead(t, parameter("b"), cache.Miss, 2)
	s.checkRead(t, secret("c"), cache.Miss, 3)
	s.checkRead(t, secret(arnOf("a")), cache.Hit, 1) // by its other key
	s.checkRead(t, secret("d"), cache.Miss, 4)
	s.checkRead(t, secret("a"), cache.Hit, 1)
	s.checkRead(t, secret("c"), cache.Hit, 3)
	s.checkRead(t, secret("d"), cache.Hit, 4)
	s.checkRead(t, parameter("b"), cache.Miss, 5)
	s.checkRead(t, secret(arnOf("a")), cache.Miss, 6)
}

// A secret that is found by several keys is one item.
func TestKeysAreNoItems(t *testing.T) {
	s := newScene(func(cfg *cache.Config) { cfg.MaxItems = 2 })
	s.checkRead(t, secret("a"), cache.Miss, 1)
	s.checkRead(t, secret("b"), cache.Miss, 2)
	for _, q := range []source.Query{secret("a"), secret(arnOf("a")), secret("b"), secret(arnOf("b"))} {
		if got := s.mustGet(t, q, false); got.Outcome != cache.Hit {
			t.Errorf("%s: %s", q.Name, nameOf(got.Outcome))
		}
	}
}

// sized answers each call with a body of so many bytes.
func (s *stock) sized(bytes int) {
	s.answer(func(n int, q source.Query) (source.Value, error) {
		value, err := numbered(n, q)
		value.Body = []byte(strings.Repeat("x", bytes))
		return value, err
	})
}

// The least recently used make room, as many as it takes, when values are too large together.
func TestBoundByBytes(t *testing.T) {
	s := newScene(func(cfg *cache.Config) { cfg.MaxBytes = 100_000 })
	s.stock.sized(20_000)
	for i, name := range []string{"a", "b", "c", "d"} {
		s.checkRead(t, parameter(name), cache.Miss, i+1)
	}
	s.checkRead(t, parameter("a"), cache.Hit, 1)
	s.stock.sized(50_000)
	s.checkRead(t, parameter("e"), cache.Miss, 5)
	s.checkRead(t, parameter("a"), cache.Hit, 1)
	s.checkRead(t, parameter("d"), cache.Hit, 4)
	s.checkRead(t, parameter("e"), cache.Hit, 5)
	s.stock.sized(10)
	s.checkRead(t, parameter("b"), cache.Miss, 6)
	s.checkRead(t, parameter("c"), cache.Miss, 7)
}

// What keys and entries cost counts as well as the bodies: small values cannot fill the memory.
func TestOverheadCounts(t *testing.T) {
	const most = 64 << 10
	s := newScene(func(cfg *cache.Config) { cfg.MaxItems, cfg.MaxBytes = 100_000, most })
	s.stock.sized(1)
	const n = 2000
	for i := range n {
		s.mustGet(t, parameter(fmt.Sprintf("%0100d", i)), false)
	}
	hits := 0
	for i := n - 1; i >= 0; i-- {
		before := s.stock.calls()
		if s.mustGet(t, parameter(fmt.Sprintf("%0100d", i)), false); s.stock.calls() > before {
			break
		}
		hits++
	}
	if hits < most/1000 || hits > most/400 {
		t.Errorf("%d entries fit into %d bytes", hits, most)
	}
}

// A value that alone would fill the cache is answered, not remembered, and pushes nothing else out. An older
// one under its name goes, for it is not what AWS says any more.
func TestOversizeValue(t *testing.T) {
	s := newScene(func(cfg *cache.Config) { cfg.MaxBytes = 10_000 })
	s.checkRead(t, secret("a"), cache.Miss, 1)
	s.checkRead(t, secret("b"), cache.Miss, 2)
	s.stock.sized(10_000)
	large := s.mustGet(t, secret("large"), false)
	if len(large.Body) != 10_000 || large.TTL != 0 {
		t.Errorf("%d bytes, TTL %v", len(large.Body), large.TTL)
	}
	s.checkRead(t, secret("large"), cache.Miss, 4)
	s.checkRead(t, secret("a"), cache.Hit, 1)
	s.checkRead(t, secret("b"), cache.Hit, 2)
	s.check(t, s.mustGet(t, secret("a"), true), cache.Refreshed, 5)
	s.checkRead(t, secret("a"), cache.Miss, 6)
	s.checkRead(t, secret("b"), cache.Hit, 2)
}

// BenchmarkHit is a read from memory, which allocates nothing.
func BenchmarkHit(b *testing.B) {
	for _, items := range []int{1, 1000} {
		b.Run(fmt.Sprintf("items=%d", items), func(b *testing.B) {
			c := cache.New(cache.Config{
				MaxItems: 1000, MaxBytes: 16 << 20, SecretTTL: secretTTL, ParameterTTL: parameterTTL,
			}, &stock{read: numbered})
			queries := make([]source.Query, items)
			for i := range queries {
				queries[i] = secret(fmt.Sprintf("prod/db-credentials-%d", i))
				if _, err := c.Get(queries[i], false); err != nil {
					b.Fatal(err)
				}
			}
			i := 0
			b.ReportAllocs()
			for b.Loop() {
				if answer, err := c.Get(queries[i], false); err != nil || answer.Outcome != cache.Hit {
					b.Fatal(err)
				}
				if i++; i == items {
					i = 0
				}
			}
		})
	}
}
