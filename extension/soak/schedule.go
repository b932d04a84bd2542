// This file plans a run: which weather there is at AWS and when, and when values change. All of it follows from the
// seed and the length.

package main

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"larder/extension/internal/awstest"
)

// moment is a time since the run began.
type moment = time.Duration

// plan is one run.
type plan struct {
	seed     uint64
	length   time.Duration
	settings settings
	names    []*name
	phases   []phase
	changes  []change
}

// phase is a time of one kind of weather.
type phase struct {
	from, to moment
	weather  weather
	service  awstest.Service // the one that is struck; empty: both
	latency  time.Duration
	rate     int       // calls a second, if the weather is rateLimited
	faults   []weather // by name, if the weather is mixed
}

// strikes says that the phase's weather is that of a service.
func (p phase) strikes(service awstest.Service) bool { return p.service == "" || p.service == service }

// change is something that an owner does to a value.
type change struct {
	at   moment
	name int
	what deed
}

type deed int

const (
	rotate deed = iota
	remove
	create // again, under the same name
)

const (
	calmLatency    = 5 * time.Millisecond
	longestLatency = 600 * time.Millisecond
)

func newPlan(seed uint64, length time.Duration) *plan {
	random := rand.New(rand.NewPCG(seed, 0))
	p := &plan{seed: seed, length: length, settings: drawSettings(random), names: newNames()}
	p.drawPhases(random)
	p.drawChanges(random)
	return p
}

// drawPhases deals all kinds of bad weather in a random order, and again when all were there. It begins and ends
// with good weather, and between two bad ones there is mostly some.
func (p *plan) drawPhases(random *rand.Rand) {
	begin, end := min(2*time.Second, p.length/4), p.length-min(3*time.Second, p.length/4)
	p.add(phase{to: begin, weather: healthy})
	var deck []weather
	for at := begin; at < end; {
		if len(deck) == 0 {
			deck = badWeathers()
			random.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		struck := []awstest.Service{"", "", awstest.SecretsManager, awstest.ParameterStore}
		next := phase{weather: deck[0], service: struck[random.IntN(len(struck))]}
		deck = deck[1:]
		switch next.weather {
		case slow:
			next.latency = longestLatency/3 + time.Duration(random.Int64N(int64(longestLatency*2/3)))
		case rateLimited:
			next.rate = 3 + random.IntN(8)
		case mixed:
			kinds := faultyWeathers()
			for range p.names {
				next.faults = append(next.faults, kinds[random.IntN(len(kinds))])
			}
		}
		next.from, next.to = at, min(end, at+between(random, 1500*time.Millisecond, 5*time.Second))
		p.add(next)
		if at = next.to; random.IntN(4) > 0 {
			rest := phase{from: at, to: min(end, at+between(random, 500*time.Millisecond, 5*time.Second)), weather: healthy}
			p.add(rest)
			at = rest.to
		}
	}
	p.add(phase{from: end, to: p.length, weather: healthy})
}

func (p *plan) add(next phase) {
	if next.latency == 0 {
		next.latency = calmLatency
	}
	if next.to > next.from {
		p.phases = append(p.phases, next)
	}
}

// drawChanges lets each name that has values change every second or two, whatever the weather.
func (p *plan) drawChanges(random *rand.Rand) {
	for i, n := range p.names {
		gone := false
		for at := between(random, 0, 2*time.Second); at < p.length; at += between(random, 200*time.Millisecond, 3*time.Second) {
			next := change{at: at, name: i, what: rotate}
			switch {
			case n.fate == missing:
				continue
			case gone:
				next.what, gone = create, false
			case n.fate == mortal && random.IntN(3) == 0:
				next.what, gone = remove, true
			}
			p.changes = append(p.changes, next)
		}
	}
	slices.SortStableFunc(p.changes, func(a, b change) int { return cmp.Compare(a.at, b.at) })
}

func between(random *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(random.Int64N(int64(most-least)))
}
