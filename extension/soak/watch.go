// This file watches while others act: the calls at AWS, what the process holds, and whether the machine gets on.

package main

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// watch takes the calls down, of which the fake remembers only the last ones, and the most that the process held.
func (s *stage) watch(ctx context.Context) (calls []call, most usage) {
	byText := make(map[string]int)
	for i, n := range s.plan.names {
		byText[n.text] = i
	}
	known := make(map[string]int) // the calls by AWS's request id
	look := func() {
		for _, seen := range s.aws.Counts.Calls() {
			at, again := known[seen.RequestID]
			if !again {
				at = len(calls)
				known[seen.RequestID] = at
				next := call{at: seen.At.Sub(s.origin), service: seen.Operation.Service()}
				for _, text := range seen.Names {
					next.names = append(next.names, byText[text])
				}
				calls = append(calls, next)
			}
			calls[at].status = seen.Status
		}
		if u, err := s.process.usage(); err == nil {
			most = usage{max(most.files, u.files), max(most.threads, u.threads), max(most.memory, u.memory)}
		}
	}
	for tick := time.Tick(200 * time.Millisecond); ; {
		select {
		case <-tick:
			look()
		case <-ctx.Done():
			look()
			slices.SortFunc(calls, func(a, b call) int { return cmp.Compare(a.at, b.at) })
			return calls, most
		}
	}
}

// feelPulse notes when a short sleep took long: then no reading of a clock says anything about the extension.
func (s *stage) feelPulse(ctx context.Context) (stalls []stall) {
	const beat, late = 5 * time.Millisecond, 20 * time.Millisecond
	for ctx.Err() == nil {
		begin := s.now()
		time.Sleep(beat)
		if end := s.now(); end-begin > beat+late {
			stalls = append(stalls, stall{begin + beat, end})
		}
	}
	return stalls
}
