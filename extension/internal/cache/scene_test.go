package cache_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

const (
	secretTTL    = 300 * time.Second
	parameterTTL = 100 * time.Second
)

// stock stands for AWS: it keeps what it was asked, and answers as read says.
type stock struct {
	mu     sync.Mutex
	asked  []source.Query
	probes int                                               // how many of them were such
	read   func(n int, q source.Query) (source.Value, error) // n counts the calls from 1
}

// Probe is Read here, and counted: that it makes fewer attempts is the source's own affair.
func (s *stock) Probe(ctx context.Context, q source.Query) (source.Value, error) {
	s.mu.Lock()
	s.probes++
	s.mu.Unlock()
	return s.Read(ctx, q)
}

func (s *stock) Read(ctx context.Context, q source.Query) (source.Value, error) {
	if ctx.Err() != nil || ctx.Done() != nil {
		return source.Value{}, fmt.Errorf("the call goes by somebody's context: %v", ctx)
	}
	s.mu.Lock()
	s.asked = append(s.asked, q)
	n, read := len(s.asked), s.read
	s.mu.Unlock()
	return read(n, q)
}

func (s *stock) answer(read func(n int, q source.Query) (source.Value, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.read = read
}

func (s *stock) calls() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func (s *stock) queries() []source.Query {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// scene is a cache in front of a stock, with a clock and a jitter that stand where the test puts them.
type scene struct {
	*cache.Cache
	stock  *stock
	mu     sync.Mutex
	now    time.Time
	live   time.Time // since then the clock goes on by itself; zero if it stands still
	jitter float64
}

// newScene answers every call with a value of its own: a secret has the ARN of its name.
func newScene(change func(*cache.Config)) *scene {
	s := &scene{now: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), stock: &stock{read: numbered}}
	cfg := cache.Config{
		MaxItems: 1000, MaxBytes: 1 << 20, SecretTTL: secretTTL, ParameterTTL: parameterTTL,
		Now: func() time.Time {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.live.IsZero() {
				return s.now
			}
			return s.now.Add(time.Since(s.live))
		},
		Jitter: func() float64 {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.jitter
		},
	}
	if change != nil {
		change(&cfg)
	}
	s.Cache = cache.New(cfg, s.stock)
	return s
}

// newLive is newScene with a clock that goes on by itself, for a bubble of testing/synctest.
func newLive(change func(*cache.Config)) *scene {
	s := newScene(change)
	s.live = time.Now()
	return s
}

// advance sets the clock forward or back, while no time passes.
func (s *scene) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *scene) setJitter(jitter float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jitter = jitter
}

func numbered(n int, q source.Query) (source.Value, error) {
	value := source.Value{Body: fmt.Appendf(nil, "%d %s", n, q.Name), VersionID: fmt.Sprintf("v%d", n)}
	if q.Service == source.SecretsManager {
		value.ARN = arnOf(q.Name)
	}
	return value, nil
}

func arnOf(name string) string {
	if len(name) > 4 && name[:4] == "arn:" {
		return name
	}
	return "arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + name + "-AbCdEf"
}

func secret(name string) source.Query {
	return source.Query{Service: source.SecretsManager, Name: name}
}

func parameter(name string) source.Query {
	return source.Query{Service: source.ParameterStore, Name: name}
}

// mustGet reads, and proves that the insides still fit together.
func (s *scene) mustGet(t *testing.T, q source.Query, refresh bool) cache.Answer {
	t.Helper()
	answer, err := s.Get(q, refresh)
	if err != nil {
		t.Fatalf("reading %s: %v", q.Name, err)
	}
	if answer.Body == nil {
		t.Fatalf("reading %s: no body", q.Name)
	}
	s.checkInside(t)
	return answer
}

func (s *scene) checkInside(t *testing.T) {
	t.Helper()
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
}

// checkRead reads, and compares how it was answered and from which call.
func (s *scene) checkRead(t *testing.T, q source.Query, outcome cache.Outcome, call int) {
	t.Helper()
	s.check(t, s.mustGet(t, q, false), outcome, call)
}

func (s *scene) check(t *testing.T, answer cache.Answer, outcome cache.Outcome, call int) {
	t.Helper()
	if answer.Outcome != outcome || answer.VersionID != fmt.Sprintf("v%d", call) {
		t.Errorf("outcome %s with %s, want %s with v%d", nameOf(answer.Outcome), answer.VersionID, nameOf(outcome), call)
	}
}

func (s *scene) checkCalls(t *testing.T, want int) {
	t.Helper()
	if got := s.stock.calls(); got != want {
		t.Errorf("%d calls, want %d", got, want)
	}
}

func nameOf(outcome cache.Outcome) string {
	names := []string{"none", "hit", "miss", "expired", "refreshed", "bypassed", "stale", "negative"}
	return names[outcome]
}
