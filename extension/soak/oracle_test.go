package main

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/awstest"
)

const (
	ms = time.Millisecond
	s  = time.Second
)

// The names of the histories here.
const (
	secret = iota // has its second value from 5 s on, and its third from 30 s on
	other
	mortalSecret // is gone from 5 s to 8 s
)

// newHistory is one in which little happened: AWS is well but for a hang of Secrets Manager from 10 s to 15 s.
func newHistory() *history {
	h := &history{
		plan: &plan{
			settings: settings{secretTTL: 2 * s, parameterTTL: 2 * s, staleIfError: 4 * s, staleWait: 250 * ms,
				negativeTTL: s, budget: 1500 * ms},
			names: []*name{
				{service: awstest.SecretsManager, text: "secret"},
				{service: awstest.SecretsManager, text: "other"},
				{service: awstest.SecretsManager, text: "mortal", fate: mortal},
			},
			phases: []phase{
				{from: 0, to: 10 * s, weather: healthy, latency: calmLatency},
				{from: 10 * s, to: 15 * s, weather: hang, latency: calmLatency},
				{from: 15 * s, to: 40 * s, weather: healthy, latency: calmLatency},
			},
		},
		lines: make(map[string][]line),
		begin: usage{20, 8, 20 << 20},
		end:   usage{22, 9, 24 << 20},
	}
	for _, n := range h.names {
		gone := state{from: -forever, to: -forever}
		n.states = []state{gone,
			{n.value(1), "v1", -forever, 5*s + ms},
			{n.value(2), "v2", 5 * s, 30*s + ms},
			{n.value(3), "v3", 30 * s, forever}}
	}
	m := h.names[mortalSecret]
	m.states = []state{m.states[0], m.states[1], {from: 5 * s, to: 8*s + ms}, {m.value(3), "v3", 8 * s, forever}}
	h.add(answer(secret, 1*s, 1, asked))
	h.add(answer(secret, 2*s, 1, fresh))
	h.calls = append(h.calls, call{at: s + ms, service: awstest.SecretsManager, names: []int{secret}, status: 200})
	return h
}

// answer is a read of a value, which took a millisecond.
func answer(name int, at moment, number int, how outcome) read {
	r := read{name: name, begin: at, end: at + ms, status: 200, number: number, outcome: how, versionID: "v" + strconv.Itoa(number)}
	if how == stale {
		r.ttl, r.reason = -1, "Timeout"
	}
	r.refresh = how == refreshed
	return r
}

// failure is a read that was told an error, after that time.
func failure(name int, at moment, took time.Duration, status int, code string, how outcome) read {
	return read{name: name, begin: at, end: at + took, status: status, code: code, outcome: how, refresh: how == refreshed}
}

// add adds reads, with their lines in the record.
func (h *history) add(reads ...read) {
	for _, r := range reads {
		r.id = "read-" + strconv.Itoa(len(h.reads))
		h.reads = append(h.reads, r)
		l := line{RequestID: r.id, Source: string(h.names[r.name].service), Name: h.names[r.name].text, Status: r.status,
			Error: r.reason + r.code, VersionID: r.versionID, Outcome: string(r.outcome)}
		switch {
		case r.status != 200 && r.outcome != negative:
			l.Outcome = "error"
		case r.outcome == asked:
			l.Outcome = "miss"
		case r.outcome == refreshed:
			l.Outcome = "refresh"
		}
		h.lines[r.id] = []line{l}
	}
}

func (h *history) called(name int, status int, at ...moment) {
	for _, at := range at {
		h.calls = append(h.calls, call{at: at, service: awstest.SecretsManager, names: []int{name}, status: status})
	}
}

// Whatever the rules forbid is reported, by the rule that forbids it and by no other.
func TestOracleReports(t *testing.T) {
	for _, test := range []struct {
		what string
		rule string
		do   func(h *history)
	}{
		{"the process died", "the process lives", func(h *history) { h.died = "signal: killed" }},
		{"the end took long", "the process lives", func(h *history) { h.ending = 3 * s }},
		{"no answer", "every read gets an answer", func(h *history) {
			h.reads = append(h.reads, read{id: "x", begin: s, end: 2 * s, broken: "EOF"})
		}},
		{"a foreign value", "no wrong value", func(h *history) {
			r := answer(secret, 3*s, 0, fresh)
			r.versionID = ""
			h.add(r)
		}},
		{"a value before its time", "no wrong value", func(h *history) { h.add(answer(secret, 4900*ms, 2, fresh)) }},
		{"another version's value", "no wrong value", func(h *history) {
			r := answer(secret, 6*s, 2, asked)
			r.versionID = "v1"
			h.add(r)
		}},
		{"not found while there", "no wrong value", func(h *history) {
			h.add(failure(mortalSecret, 20*s, ms, 400, "ResourceNotFoundException", asked))
		}},
		{"not found remembered too long", "no wrong value", func(h *history) {
			h.add(failure(mortalSecret, 11*s, ms, 400, "ResourceNotFoundException", negative))
		}},
		{"fresh for too long", "no value past its bound", func(h *history) { h.add(answer(secret, 9*s, 1, fresh)) }},
		{"stale for too long", "no value past its bound", func(h *history) { h.add(answer(secret, 13*s, 1, stale)) }},
		{"older than it may be", "no value past its bound", func(h *history) {
			r := answer(secret, 4*s, 1, fresh)
			r.age = 3
			h.add(r)
		}},
		{"staler than it may be", "no value past its bound", func(h *history) {
			r := answer(secret, 12*s, 2, stale)
			r.ttl = -5
			h.add(r)
		}},
		{"refreshed from memory", "no value past its bound", func(h *history) {
			r := answer(secret, 5100*ms, 1, fresh)
			r.refresh = true
			h.add(r)
		}},
		{"refreshed with the former value", "no value past its bound", func(h *history) { h.add(answer(secret, 5100*ms, 1, refreshed)) }},
		{"newer, then older", "no value newer-then-older", func(h *history) {
			h.add(answer(secret, 5100*ms, 2, asked), answer(secret, 5200*ms, 1, fresh))
		}},
		{"gone, then there again", "no value newer-then-older", func(h *history) {
			h.add(failure(mortalSecret, 5100*ms, ms, 400, "ResourceNotFoundException", asked), answer(mortalSecret, 5200*ms, 1, fresh))
		}},
		{"made anew, then gone", "no value newer-then-older", func(h *history) {
			h.add(answer(mortalSecret, 8100*ms, 3, refreshed), failure(mortalSecret, 8200*ms, ms, 400, "ResourceNotFoundException", negative))
		}},
		{"past the budget", "no read past its budget", func(h *history) {
			h.add(failure(other, 11*s, 1800*ms, 504, "Timeout", asked))
		}},
		{"stale past its wait", "no read past its budget", func(h *history) {
			r := answer(secret, 11*s, 2, stale)
			r.end = r.begin + 600*ms
			h.add(r)
		}},
		{"a wait in a known outage", "no wait for a service", func(h *history) {
			late := answer(secret, 13*s, 2, stale)
			late.end += 240 * ms
			h.add(answer(secret, 9*s, 2, asked), answer(other, 8*s, 2, asked), late)
			h.add(answer(other, 11*s, 2, stale))
			h.reads[len(h.reads)-1].reason = "NoConnection"
			h.lines["read-5"][0].Error = "NoConnection"
		}},
		{"a failure with a value in hand", "no failure while", func(h *history) {
			h.add(answer(secret, 9*s, 2, asked), failure(secret, 12*s, ms, 504, "Timeout", negative))
		}},
		{"a failure without trouble", "no failure without a cause", func(h *history) {
			h.add(failure(other, 5*s, ms, 503, "NoConnection", negative))
		}},
		{"a failure long after trouble", "no failure without a cause", func(h *history) {
			h.add(failure(other, 18*s, ms, 503, "NoConnection", negative))
		}},
		{"a steady name denied", "no failure without a cause", func(h *history) {
			h.add(failure(other, 11*s, ms, 400, "AccessDeniedException", negative))
		}},
		{"a fresh value asked for", "no call for a fresh value", func(h *history) { h.called(secret, 200, 3*s, 4*s) }},
		{"a remembered failure asked for", "no call for a remembered failure", func(h *history) {
			h.add(failure(other, 12*s, ms, 504, "Timeout", asked))
			h.called(other, 0, 12500*ms)
		}},
		{"tried again too soon", "before the back-off is over", func(h *history) {
			h.add(answer(secret, 9*s, 2, asked), answer(secret, 12*s, 2, stale), answer(secret, 13200*ms, 2, stale))
			h.reads[len(h.reads)-1].age = 4
			h.called(secret, 500, 12*s, 12500*ms)
		}},
		{"tried three times at once", "before the back-off is over", func(h *history) {
			h.add(answer(secret, 9*s, 2, asked), answer(secret, 12*s, 2, stale), answer(secret, 13200*ms, 2, stale))
			h.reads[len(h.reads)-1].age = 4
			h.called(secret, 0, 12*s, 12010*ms, 12020*ms)
		}},
		{"more than one probe", "one probe at a time", func(h *history) {
			h.add(answer(secret, 9*s, 2, asked), answer(secret, 11*s, 2, stale), answer(secret, 14*s, 2, stale))
			h.called(secret, 0, 10900*ms, 11910*ms, 12920*ms, 13930*ms, 14940*ms)
			h.phases[1].weather = internalError
		}},
		{"no line", "every read in the record", func(h *history) { delete(h.lines, "read-0") }},
		{"two lines", "every read in the record", func(h *history) { h.lines["read-0"] = append(h.lines["read-0"], line{}) }},
		{"a line that differs", "every read in the record", func(h *history) { h.lines["read-0"][0].Outcome = "hit" }},
		{"a dropped line", "every read in the record", func(h *history) { h.dropped = 1 }},
		{"a value in the log", "no value and no credential", func(h *history) { h.exposed = []string{"x"} }},
		{"files left open", "nothing leaks", func(h *history) { h.end.files += 20 }},
		{"threads", "nothing leaks", func(h *history) { h.end.threads += 100 }},
		{"memory", "nothing leaks", func(h *history) { h.end.memory += 100 << 20 }},
		{"a late next", "the next event", func(h *history) { h.invocations = []invocation{{s, 2 * s}} }},
	} {
		t.Run(test.what, func(t *testing.T) {
			h := newHistory()
			test.do(h)
			all := judge(h)
			if len(all) != 1 || !strings.Contains(all[0].rule, test.rule) || len(all[0].witnesses) == 0 {
				t.Errorf("broken: %+v\nwant only %q", all, test.rule)
			}
		})
	}
}

// What the rules allow is not reported.
func TestOracleAllows(t *testing.T) {
	for _, test := range []struct {
		what string
		do   func(h *history)
	}{
		{"little", func(*history) {}},
		{"an older value for a read at the same time", func(h *history) {
			newer, older := answer(secret, 5*s, 2, refreshed), answer(secret, 5100*ms, 1, asked)
			newer.end, older.end = 5150*ms, 5200*ms
			h.add(newer, older)
		}},
		{"a read that took as long as the machine stood still", func(h *history) {
			h.stalls = []stall{{2 * s, 4 * s}}
			r := answer(secret, 2*s, 1, fresh)
			r.end = 4 * s
			h.add(r)
		}},
		{"a client that went away, and its line", func(h *history) {
			h.reads = append(h.reads, read{id: "x", abandoned: true})
			h.lines["x"] = []line{{RequestID: "x"}}
		}},
		{"a stale value while AWS hangs, with a probe and another after a while", func(h *history) {
			h.add(answer(secret, 9*s, 2, asked), answer(secret, 12*s, 2, stale), answer(secret, 14*s, 2, stale))
			h.called(secret, 0, 12*s, 13600*ms)
		}},
		{"a failure once the value is past its bound", func(h *history) {
			h.add(answer(secret, 7*s, 2, asked), failure(secret, 13500*ms, 1500*ms, 504, "Timeout", asked))
		}},
		{"a fresh value asked for by a refresh", func(h *history) {
			h.called(secret, 200, 3*s, 4*s)
			h.add(answer(secret, 4*s-ms, 1, refreshed))
		}},
		{"a second attempt since the connection broke", func(h *history) {
			h.add(answer(secret, 9*s, 2, asked), answer(secret, 12*s, 2, stale), answer(secret, 13200*ms, 2, stale))
			h.reads[len(h.reads)-1].age = 4
			h.called(secret, 0, 12*s, 12010*ms)
		}},
		{"probes with a second attempt each", func(h *history) {
			h.phases[1].weather = reset
			h.add(answer(secret, 9*s, 2, asked), answer(secret, 11*s, 2, stale), answer(secret, 14*s, 2, stale))
			h.called(secret, 0, 11*s, 11010*ms, 12500*ms, 12510*ms)
		}},
		{"a remembered failure asked for by a refresh", func(h *history) {
			h.add(failure(other, 12*s, ms, 504, "Timeout", asked), failure(other, 12300*ms, ms, 504, "Timeout", refreshed))
			h.called(other, 0, 12301*ms)
		}},
	} {
		t.Run(test.what, func(t *testing.T) {
			h := newHistory()
			test.do(h)
			if all := judge(h); len(all) > 0 {
				t.Errorf("broken: %+v", all)
			}
		})
	}
}

// A value is told apart from any other, and from a part of itself.
func TestValues(t *testing.T) {
	n := &name{text: "soak/secret"}
	for _, number := range []int{1, 2, 50} {
		if got := n.numberOf(n.value(number)); got != number {
			t.Errorf("numberOf(value(%d)) = %d", number, got)
		}
	}
	whole := n.value(50)
	for _, wrong := range []string{"", whole[:len(whole)-1], whole + "x", (&name{text: "soak/another"}).value(50),
		strings.Replace(whole, " 50 ", " 51 ", 1), strings.Replace(whole, " 50 ", " -1 ", 1)} {
		if got := n.numberOf(wrong); got != 0 {
			t.Errorf("numberOf(%q) = %d", wrong, got)
		}
	}
}

// The same seed makes the same plan, and another another.
func TestPlanFollowsFromTheSeed(t *testing.T) {
	a, b, c := newPlan(7, time.Minute), newPlan(7, time.Minute), newPlan(8, time.Minute)
	if a.settings != b.settings || !slices.EqualFunc(a.phases, b.phases, samePhase) || !slices.Equal(a.changes, b.changes) {
		t.Error("one seed made two plans")
	}
	if slices.EqualFunc(a.phases, c.phases, samePhase) || slices.Equal(a.changes, c.changes) {
		t.Error("two seeds made one plan")
	}
}

func samePhase(a, b phase) bool {
	return a.from == b.from && a.to == b.to && a.weather == b.weather && a.service == b.service &&
		a.latency == b.latency && a.rate == b.rate && slices.Equal(a.faults, b.faults)
}

// A plan covers its whole time without a gap, begins and ends with good weather, and a minute of it has most kinds.
func TestPlanCoversItsTime(t *testing.T) {
	for _, length := range []time.Duration{shortest, 3 * s, 10 * s, time.Minute, longest} {
		for seed := range uint64(20) {
			p := newPlan(seed, length)
			at, kinds := moment(0), make(map[weather]bool)
			for _, phase := range p.phases {
				if phase.from != at || phase.to <= at {
					t.Fatalf("seed %d: a phase from %v to %v, after %v", seed, phase.from, phase.to, at)
				}
				at = phase.to
				kinds[phase.weather] = true
			}
			if at != length || p.phases[0].weather != healthy || p.phases[len(p.phases)-1].weather != healthy {
				t.Errorf("seed %d: %v long, from %v to %v", seed, at, p.phases[0].weather, p.phases[len(p.phases)-1].weather)
			}
			if length >= time.Minute && len(kinds) < int(weathers)*2/3 {
				t.Errorf("seed %d: only %d kinds of weather in %v", seed, len(kinds), length)
			}
			for i, c := range p.changes {
				if c.at >= length || i > 0 && c.at < p.changes[i-1].at || p.names[c.name].fate == missing ||
					c.what == remove && p.names[c.name].fate != mortal {
					t.Errorf("seed %d: change %+v", seed, c)
				}
			}
		}
	}
}
