package source_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"larder/extension/internal/source"
)

// The tests here run in bubbles of testing/synctest, on their clock.

// wait stands in the queue, and returns how long that took, too.
func wait(ctx context.Context, q *source.Queue, name string, most int) (*source.Turn, time.Duration) {
	begin := time.Now()
	turn := q.Wait(ctx, name, most)
	return turn, time.Since(begin)
}

// mustQueue lets reads stand in the queue one after the other, and returns where their turns come. The queue's
// connections have to be in use.
func mustQueue(t *testing.T, ctx context.Context, q *source.Queue, most int, names ...string) chan *source.Turn {
	t.Helper()
	turns := make(chan *source.Turn, len(names))
	for _, name := range names {
		before := q.Waiting()
		go func() { turns <- q.Wait(ctx, name, most) }()
		synctest.Wait()
		if q.Waiting() != before+1 {
			t.Fatalf("%q does not wait", name)
		}
	}
	return turns
}

// Nobody is held up for the sake of company where none is to come: a read that is alone goes at once, one that can
// only go by itself does, too, and so does one with whom as many wait as can go together. Others leave each other two
// milliseconds.
func TestWaitingForCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := source.NewQueue(4)
		if turn, took := wait(t.Context(), q, "alone", 10); turn == nil || took > 0 {
			t.Errorf("the first read waited %v", took)
		}
		if turn, took := wait(t.Context(), q, "single", 1); turn == nil || took > 0 {
			t.Errorf("a read that goes by itself waited %v", took)
		}
		if turn, took := wait(t.Context(), q, "second", 10); turn == nil || took != 2*time.Millisecond || len(turn.Company) > 0 {
			t.Errorf("a read beside others waited %v", took)
		}
		begin := time.Now()
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				turn := q.Wait(t.Context(), fmt.Sprint(i), 10)
				if time.Since(begin) > 0 {
					t.Errorf("one of ten waited %v", time.Since(begin))
				}
				for i := range turn.Company {
					turn.Serve(i, source.Value{}, nil)
				}
			})
		}
		all.Wait()
		for range 4 {
			q.Leave()
		}
		checkFree(t, q, 4)
	})
}

// The oldest takes along the oldest of its group, so many as go together and each name once; the others keep their
// order. A name with two selectors is one name.
func TestCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := source.NewQueue(1)
		q.Wait(t.Context(), "holder", 1)
		turns := mustQueue(t, t.Context(), q, 3, "a", "b", "a:1", "a", "c:2", "c:3", "d")
		var got [][]string
		for q.Waiting() > 0 {
			q.Leave()
			turn := <-turns
			got = append(got, turn.Company)
			for i := range turn.Company {
				turn.Serve(i, source.Value{}, nil)
				if other := <-turns; !other.Served || other.Company != nil {
					t.Errorf("got %+v", other)
				}
			}
		}
		want := [][]string{{"b", "c:2"}, {"c:3", "d"}, nil}
		if !slices.EqualFunc(got, want, slices.Equal) {
			t.Errorf("got %v, want %v", got, want)
		}
		q.Leave()
		checkFree(t, q, 1)
	})
}

// Those that go by themselves are not taken along, and take nobody along.
func TestNoCompanyForSingles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := source.NewQueue(1)
		q.Wait(t.Context(), "holder", 1)
		first := mustQueue(t, t.Context(), q, 10, "a")
		single := mustQueue(t, t.Context(), q, 1, "b")
		last := mustQueue(t, t.Context(), q, 10, "c")
		q.Leave()
		turn := <-first
		if !slices.Equal(turn.Company, []string{"c"}) {
			t.Errorf("the first takes %v along", turn.Company)
		}
		turn.Serve(0, source.Value{}, nil)
		<-last
		q.Leave()
		if turn := <-single; turn.Company != nil {
			t.Errorf("the second takes %v along", turn.Company)
		}
		q.Leave()
		checkFree(t, q, 1)
	})
}

// A read that another has taken along can give up: it is gone at once, the other serves it in vain, and no connection
// is given back that it did not have.
func TestGivingUpInCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := source.NewQueue(1)
		q.Wait(t.Context(), "holder", 1)
		leader := mustQueue(t, t.Context(), q, 10, "a")
		ctx, cancel := context.WithCancel(t.Context())
		company := mustQueue(t, ctx, q, 10, "b")
		q.Leave()
		turn := <-leader
		cancel()
		if got := <-company; got != nil || q.Busy() != 1 {
			t.Errorf("got %+v, with %d connections in use", got, q.Busy())
		}
		turn.Serve(0, source.Value{}, nil)
		q.Leave()
		checkFree(t, q, 1)
	})
	for range 300 { // at the same moment as it is served
		synctest.Test(t, func(t *testing.T) {
			q := source.NewQueue(1)
			q.Wait(t.Context(), "holder", 1)
			leader := mustQueue(t, t.Context(), q, 10, "a")
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			company := mustQueue(t, ctx, q, 10, "b")
			q.Leave()
			turn := <-leader
			time.Sleep(time.Millisecond)
			turn.Serve(0, source.Value{Body: []byte("b")}, nil)
			if got := <-company; got != nil && (!got.Served || string(got.Value.Body) != "b") {
				t.Errorf("got %+v", got)
			}
			q.Leave()
			checkFree(t, q, 1)
		})
	}
}

// A read that gives up before its group goes is not in it.
func TestGivingUpBeforeTheOthersGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := source.NewQueue(1)
		q.Wait(t.Context(), "holder", 1)
		ctx, cancel := context.WithCancel(t.Context())
		gone := mustQueue(t, ctx, q, 10, "a")
		rest := mustQueue(t, t.Context(), q, 10, "b", "c")
		cancel()
		if <-gone != nil {
			t.Error("it had its turn")
		}
		q.Leave()
		turn := <-rest
		if !slices.Equal(turn.Company, []string{"c"}) {
			t.Errorf("the company is %v", turn.Company)
		}
		turn.Serve(0, source.Value{}, nil)
		q.Leave()
		checkFree(t, q, 1)
	})
}

// A group that would still wait for company goes when its time is over, though the oldest has given up meanwhile.
func TestCompanyOfOneThatGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := source.NewQueue(2)
		q.Wait(t.Context(), "holder", 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		gone := mustQueue(t, ctx, q, 10, "a")
		time.Sleep(500 * time.Microsecond)
		turn, took := wait(t.Context(), q, "b", 10)
		if turn == nil || took != 2*time.Millisecond || <-gone != nil {
			t.Errorf("got %+v after %v", turn, took)
		}
		q.Leave()
		q.Leave()
		checkFree(t, q, 2)
	})
}
