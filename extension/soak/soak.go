// This file is the run: everybody acts at the same time until the plan's time is over, and then all comes to rest.

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// soak runs the executable as planned and returns what was seen. Its error is that the run could not be made.
func soak(ctx context.Context, executable string, p *plan) (*history, error) {
	s, err := newStage(ctx, executable, p)
	if err != nil {
		return nil, err
	}
	defer s.close()
	h := &history{plan: p}
	for _, n := range p.names {
		n.begin(s.aws, s.now)
	}
	s.lambda.Invoke("")
	if err := s.idle(ctx); err != nil {
		return nil, s.process.broken(err)
	}
	if h.begin, err = s.warmUp(ctx); err != nil {
		return nil, s.process.broken(err)
	}
	s.act(ctx, h)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.finish(ctx, h)
	return h, nil
}

// act lets the time of the plan pass.
func (s *stage) act(ctx context.Context, h *history) {
	s.origin = time.Now()
	for _, n := range s.plan.names {
		n.settle()
	}
	loaded, cancel := context.WithTimeout(ctx, s.plan.length)
	defer cancel()

	var load, watch sync.WaitGroup
	watched, stop := context.WithCancel(ctx)
	watch.Go(func() { h.stalls = s.feelPulse(watched) })
	watch.Go(func() { h.calls, h.most = s.watch(watched) })

	load.Go(func() { s.weather(loaded) })
	load.Go(func() { s.owners(loaded) })
	load.Go(func() { h.invocations = s.invoke(loaded) })
	clients := newLoad(s)
	for c, once := range clients {
		load.Go(func() { c.run(loaded, once) })
	}
	load.Wait()
	stop()
	watch.Wait()
	for c := range clients {
		h.reads = append(h.reads, c.reads...)
	}
}

// weather goes through the phases, and notes when each of them really was.
func (s *stage) weather(ctx context.Context) {
	for i := range s.plan.phases {
		p := &s.plan.phases[i]
		s.sleepUntil(ctx, p.from)
		p.from = s.now()
		p.begin(s.aws, s.plan.names)
		if i > 0 {
			s.plan.phases[i-1].to = p.from
		}
	}
	s.sleepUntil(ctx, s.plan.length)
}

// owners change the values.
func (s *stage) owners(ctx context.Context) {
	for _, c := range s.plan.changes {
		if s.sleepUntil(ctx, c.at); ctx.Err() != nil {
			return
		}
		s.plan.names[c.name].change(s.aws, c.what, s.now)
	}
}

func (s *stage) sleepUntil(ctx context.Context, at moment) {
	select {
	case <-time.After(at - s.now()):
	case <-ctx.Done():
	}
}

// invoke plays Lambda, which invokes the function every now and then.
func (s *stage) invoke(ctx context.Context) (all []invocation) {
	random := rand.New(rand.NewPCG(s.plan.seed, 1<<32))
	for ctx.Err() == nil {
		one := invocation{at: s.now()}
		s.lambda.Invoke("")
		if s.idle(context.WithoutCancel(ctx)) != nil {
			one.took = patient
			return append(all, one)
		}
		one.took = s.now() - one.at
		all = append(all, one)
		s.sleepUntil(ctx, s.now()+between(random, 10*time.Millisecond, time.Second))
	}
	return all
}

// warmUp reads each name once, so that the first look at what the process holds sees all that it keeps.
func (s *stage) warmUp(ctx context.Context) (usage, error) {
	c := newClient(s, 0)
	for i, n := range s.plan.names {
		r := read{id: fmt.Sprintf("warm-up-%d", i), name: i}
		if c.dialled(&r) {
			_, err := c.connection.Write(request(n, false, s.token, r.id))
			c.await(&r, err)
		}
		if r.broken != "" {
			return usage{}, fmt.Errorf("reading %s for the first time: %s", n.text, r.broken)
		}
	}
	c.hangUp()
	return s.atRest(ctx, usage{})
}
