package cloudwatch_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/extension/internal/awstest"
)

// Adding never waits, not even while a call hangs and the queue overflows; what is kept then is the newest.
func TestAddNeverWaits(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	release := s.aws.Faults.Hold(awstest.PutLogEvents)
	defer release()
	s.add(0, 1)
	flushed := make(chan struct{})
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s.Flush(ctx)
		close(flushed)
	}()
	s.aws.Counts.MustWaitInFlight(t, awstest.CloudWatchLogs, 1)
	const n, writers = 8000, 4
	line := []byte(strings.Repeat("x", 999) + "\n")
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range n / writers {
				s.Add(time.Now(), line)
			}
		})
	}
	all.Wait()
	select {
	case <-flushed:
		t.Error("the call did not outlast the lines")
	default:
	}
	release()
	<-flushed
	lines, dropped := s.delivered(t)
	if lines+dropped != 1+n || dropped == 0 || lines < 3900 {
		t.Errorf("%d lines were delivered and %d dropped, of %d", lines, dropped, 1+n)
	}
}

// A flush waits for the lines from before it, also for those that another call has under way.
func TestFlushWaitsForTheCall(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	release := s.aws.Faults.Hold(awstest.PutLogEvents)
	defer release()
	const flushes = 8
	var all sync.WaitGroup
	for i := range flushes {
		all.Go(func() {
			s.Add(time.Now(), fmt.Appendf(nil, "{\"flush\":%d}\n", i))
			s.mustFlush(t)
			text := fmt.Sprint(s.aws.Logs.Events(group))
			if !strings.Contains(text, fmt.Sprintf(`{"flush":%d}`, i)) {
				t.Errorf("flush %d ended before its line was delivered", i)
			}
		})
	}
	s.aws.Counts.MustWaitInFlight(t, awstest.CloudWatchLogs, 1)
	release()
	all.Wait()
	if got := len(s.aws.Logs.Events(group)); got != flushes {
		t.Errorf("%d lines were delivered", got)
	}
}

// The end delivers what failed so far, though its next attempt would not be due.
func TestEndTriesOnceMore(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Logs.Deny(awstest.PutLogEvents)
	s.add(0, 10)
	s.mustFlush(t)
	s.checkTold(t, "PutLogEvents AccessDeniedException")
	s.add(10, 20)
	s.aws.Logs.Allow(awstest.PutLogEvents)
	s.end()
	s.checkDelivered(t, 20)
	s.checkTold(t, "PutLogEvents AccessDeniedException", " ")
}

// A flush whose time is over before it begins, and one after the end, return.
func TestFlushGivesUp(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	over, cancel := context.WithCancel(context.Background())
	cancel()
	s.Flush(over)
	s.end()
	short, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	s.Flush(short)
	s.Add(time.Now(), []byte("{}\n"))
}

// What fails is tried again later and later, not all the time.
func TestBackoff(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Faults.Add(awstest.Rule{Operation: awstest.PutLogEvents, Fault: awstest.Throttled()})
	begin := time.Now()
	s.add(0, 1)
	s.mustFlush(t)
	const calls = 4
	s.aws.Counts.MustWaitCalls(t, awstest.PutLogEvents, calls)
	if took := time.Since(begin); took < (100+200+400)*time.Millisecond {
		t.Errorf("%d calls within %s", calls, took)
	}
	s.add(1, 100) // which do not make it any faster
	<-time.After(100 * time.Millisecond)
	if n := s.aws.Counts.Of(awstest.PutLogEvents); n != calls {
		t.Errorf("%d calls", n)
	}
	s.checkTold(t, "PutLogEvents ThrottlingException")
}

// Many lines do not wait for the second to pass: more than the queue holds come within it, and none is dropped.
func TestManyLinesDoNotWait(t *testing.T) {
	s := newScene(t)
	line := []byte(strings.Repeat("x", 999) + "\n")
	const chunks, each = 60, 100 // six megabytes
	for range chunks {
		for range each {
			s.Add(time.Now(), line)
		}
		time.Sleep(5 * time.Millisecond)
	}
	s.mustFlush(t)
	if lines, dropped := s.delivered(t); lines != chunks*each || dropped > 0 {
		t.Errorf("%d lines were delivered and %d dropped, of %d", lines, dropped, chunks*each)
	}
}
