package source_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/source"
)

// The tests here run in bubbles of testing/synctest, on their clock.

// line is reads that stand in a queue, in the order in which they got their turn.
type line struct {
	queue *source.Queue

	mu    sync.Mutex
	order []string
}

// enter lets a read stand in the queue, and hold its connection for so long.
func (l *line) enter(ctx context.Context, name string, hold time.Duration) {
	turn := l.queue.Wait(ctx, name, 1)
	if turn == nil {
		return
	}
	defer l.queue.Leave()
	l.mu.Lock()
	l.order = append(l.order, name)
	l.mu.Unlock()
	time.Sleep(hold)
}

// checkFree fails the test unless all is as if nobody had ever stood in the queue: nobody waits, and each of its
// connections can be had at once.
func checkFree(t *testing.T, q *source.Queue, connections int) {
	t.Helper()
	if q.Busy() != 0 || q.Waiting() != 0 {
		t.Fatalf("%d connections are in use, and %d reads wait", q.Busy(), q.Waiting())
	}
	for i := range connections {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		begin := time.Now()
		if q.Wait(ctx, "after all", 1) == nil || time.Since(begin) > 0 {
			t.Fatalf("connection %d of %d cannot be had at once", i+1, connections)
		}
		cancel()
	}
	for range connections {
		q.Leave()
	}
}

// Reads go in the order in which they came, as many at one time as there are connections, and no connection stays
// unused while one waits.
func TestQueueInOrder(t *testing.T) {
	for _, connections := range []int{1, 3} {
		synctest.Test(t, func(t *testing.T) {
			l := line{queue: source.NewQueue(connections)}
			const reads, hold = 12, 10 * time.Millisecond
			begin := time.Now()
			var names []string
			var all sync.WaitGroup
			for i := range reads {
				name := string(rune('a' + i))
				names = append(names, name)
				all.Go(func() { l.enter(t.Context(), name, hold+time.Duration(i)) })
				synctest.Wait()
				if busy := l.queue.Busy(); busy != min(i+1, connections) {
					t.Errorf("%d of %d connections are in use", busy, connections)
				}
			}
			all.Wait()
			if !slices.Equal(l.order, names) {
				t.Errorf("%d connections: the order is %v", connections, l.order)
			}
			if took, want := time.Since(begin), hold*time.Duration(reads/connections); took < want || took > want+time.Millisecond {
				t.Errorf("%d connections: it took %v, want %v", connections, took, want)
			}
			checkFree(t, l.queue, connections)
		})
	}
}

// A read that gives up frees no connection that it did not have, and leaves the others in their order.
func TestGivingUpInTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := line{queue: source.NewQueue(1)}
		var all sync.WaitGroup
		for i, name := range []string{"holder", "first", "gives up", "second"} {
			all.Go(func() {
				ctx := t.Context()
				if name == "gives up" {
					short, cancel := context.WithTimeout(ctx, time.Millisecond)
					defer cancel()
					ctx = short
				}
				l.enter(ctx, name, time.Second)
			})
			synctest.Wait()
			if got := l.queue.Waiting(); got != i {
				t.Fatalf("%d wait, want %d", got, i)
			}
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if l.queue.Waiting() != 2 || l.queue.Busy() != 1 {
			t.Errorf("%d wait, and %d connections are in use", l.queue.Waiting(), l.queue.Busy())
		}
		all.Wait()
		if want := []string{"holder", "first", "second"}; !slices.Equal(l.order, want) {
			t.Errorf("got %v, want %v", l.order, want)
		}
		checkFree(t, l.queue, 1)
	})
}

// A read whose turn comes at the moment at which it gives up has the connection, and can give it back, or never had
// it: none is lost.
func TestGivingUpAtOnesTurn(t *testing.T) {
	for range 300 {
		synctest.Test(t, func(t *testing.T) {
			q := source.NewQueue(1)
			q.Wait(t.Context(), "holder", 1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			time.AfterFunc(time.Millisecond, q.Leave)
			if q.Wait(ctx, "a", 1) != nil {
				q.Leave()
			}
			synctest.Wait()
			checkFree(t, q, 1)
		})
	}
	q := source.NewQueue(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 { // given up before it came
		if q.Wait(ctx, "a", 1) != nil {
			q.Leave()
		}
		if q.Busy() != 0 || q.Waiting() != 0 {
			t.Fatalf("%d connections are in use, and %d reads wait", q.Busy(), q.Waiting())
		}
	}
}

// A read that is given up at its turn, or before it came, gives its connection back like any other.
func TestConnectionOfAReadThatGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		call := source.NewCall(1, 5, time.Second)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 {
			if call(gone, func(ctx context.Context) error { return ctx.Err() }) == nil {
				t.Error("it went well")
			}
		}
		if err := call(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Error(err)
		}
	})
}

// However reads come, go together, give up and are throttled, never are more connections in use than there are,
// nobody is served twice or by a stranger, and at the end all connections are free. Times are whole milliseconds, so
// that much happens at the same moment.
func TestQueueInAStorm(t *testing.T) {
	for seed := range uint64(60) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			connections := 1 + random.IntN(4)
			q := source.NewQueue(connections)
			var mu sync.Mutex
			holding, served, turns := 0, 0, 0
			hold := func(change int) {
				mu.Lock()
				defer mu.Unlock()
				if holding += change; holding > connections {
					t.Errorf("seed %d: %d reads hold one of %d connections", seed, holding, connections)
				}
			}
			var all sync.WaitGroup
			for range 150 {
				begin := time.Duration(random.IntN(60)) * time.Millisecond
				patience := time.Duration(random.IntN(40)) * time.Millisecond
				work := time.Duration(random.IntN(10)) * time.Millisecond
				most := []int{1, 1, 3, 10}[random.IntN(4)]
				name := string(rune('a' + random.IntN(26)))
				throttled := random.IntN(100) == 0
				all.Go(func() {
					time.Sleep(begin)
					ctx, cancel := context.WithTimeout(t.Context(), patience)
					defer cancel()
					asked := time.Now()
					turn := q.Wait(ctx, name, most)
					if time.Since(asked) > patience {
						t.Errorf("seed %d: a read waited %v, want %v", seed, time.Since(asked), patience)
					}
					switch {
					case turn == nil:
						return
					case turn.Served:
						if string(turn.Value.Body) != name {
							t.Errorf("seed %d: %q was served with %q", seed, name, turn.Value.Body)
						}
						mu.Lock()
						served++
						mu.Unlock()
						return
					case len(turn.Company) >= most || slices.Contains(turn.Company, name):
						t.Errorf("seed %d: %q takes %v along, and may take %d", seed, name, turn.Company, most-1)
					}
					hold(1)
					called := time.Now()
					time.Sleep(work)
					for i, other := range turn.Company {
						turn.Serve(i, source.Value{Body: []byte(other)}, nil)
					}
					if throttled {
						q.Throttled(called)
					}
					hold(-1)
					mu.Lock()
					turns++
					mu.Unlock()
					q.Leave()
				})
			}
			all.Wait()
			if turns == 0 || connections == 1 && served == 0 {
				t.Errorf("seed %d: %d turns, %d served by others", seed, turns, served)
			}
			q.Reset() // it forgets the pace
			checkFree(t, q, connections)
		})
	}
}
