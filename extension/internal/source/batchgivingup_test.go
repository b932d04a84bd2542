package source_test

import (
	"context"
	"testing"

	"larder/extension/internal/source"
)

// A read that gives up while another carries it along is gone at once, and the call goes on for the others.
func TestGivingUpInABatch(t *testing.T) {
	forBoth(t, func(t *testing.T, service source.Service) {
		aws := mustStart(t)
		queries := fill(aws, service, 3)
		single, batch, _ := operations(service)
		s := mustConnect(t, aws, batching)
		first, several := aws.Faults.Hold(single), aws.Faults.Hold(batch)
		defer several()
		answers := make(chan answer, 3)
		go read(s, source.Query{Service: service, Name: "a"})
		aws.Counts.MustWaitInFlight(t, "", 1)
		ctx, cancel := context.WithCancel(context.Background())
		gone := make(chan error)
		for i, q := range queries {
			go func() {
				if i == 1 {
					_, err := s.Read(ctx, q)
					gone <- err
					return
				}
				answers <- read(s, q)
			}()
			mustHave(t, q.Name+" to wait", func() bool { return s.Waiting(service) == i+1 })
		}
		first()
		aws.Counts.MustWaitCalls(t, batch, 1)
		cancel()
		if failed, ok := (<-gone).(*source.Error); !ok || failed.Class != source.TimedOut || failed.Name != queries[1].Name {
			t.Errorf("got %v", failed)
		}
		several()
		for range 2 {
			if got := <-answers; got.err != nil {
				t.Error(got.err)
			}
		}
		mustHave(t, "the connection to be free", func() bool { return s.Busy(service) == 0 })
		checkBatches(t, aws, batch, 3)
	})
}

// A read that carries others along and gives up costs them an attempt, and no more: another carries them.
func TestGivingUpWithOthersInABatch(t *testing.T) {
	forBoth(t, func(t *testing.T, service source.Service) {
		aws := mustStart(t)
		queries := fill(aws, service, 3)
		single, batch, _ := operations(service)
		s := mustConnect(t, aws, batching)
		first, several := aws.Faults.Hold(single), aws.Faults.Hold(batch)
		defer several()
		answers := make(chan answer, 3)
		go read(s, source.Query{Service: service, Name: "a"})
		aws.Counts.MustWaitInFlight(t, "", 1)
		ctx, cancel := context.WithCancel(context.Background())
		for i, q := range queries {
			go func() {
				if i == 0 {
					s.Read(ctx, q)
					answers <- answer{}
					return
				}
				answers <- read(s, q)
			}()
			mustHave(t, q.Name+" to wait", func() bool { return s.Waiting(service) == i+1 })
		}
		first()
		aws.Counts.MustWaitCalls(t, batch, 1)
		cancel()
		several()
		for range 3 {
			if got := <-answers; got.err != nil {
				t.Error(got.err)
			}
		}
		mustHave(t, "the connection to be free", func() bool { return s.Busy(service) == 0 && s.Waiting(service) == 0 })
	})
}
