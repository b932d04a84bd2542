// This file holds the rules on what the extension does beside answering: its record, its files, its life.

package main

import (
	"net/http"
	"time"
)

func checkLife(v *view, report report) {
	if v.died != "" {
		report("%s", v.died)
	} else if v.ending > endTime {
		report("it ended %v after SHUTDOWN, and Lambda kills it after %v", rounded(v.ending), endTime)
	}
}

// checkLines: each read that was answered has one line, which says the same as the answer. One whose client went away
// has one or none: it may never have been a whole request.
func checkLines(v *view, report report) {
	if v.dropped > 0 {
		report("%d lines were dropped", v.dropped)
	}
	for _, r := range v.history.reads {
		lines := v.lines[r.id]
		switch {
		case len(lines) > 1:
			report("%s; it has %d lines", v.tell(r), len(lines))
		case r.abandoned || r.broken != "":
		case len(lines) == 0:
			report("%s; it has no line", v.tell(r))
		case !v.agrees(r, lines[0]):
			report("%s; its line is %+v", v.tell(r), lines[0])
		}
	}
}

func (v *view) agrees(r read, l line) bool {
	n := v.names[r.name]
	if l.Source != string(n.service) || l.Name != n.text || l.Status != r.status || l.VersionID != r.versionID {
		return false
	}
	if r.status != http.StatusOK {
		want := "error"
		if r.outcome == negative {
			want = "negative"
		}
		return l.Outcome == want && l.Error == r.code
	}
	if l.Error != r.reason {
		return false
	}
	switch r.outcome {
	case fresh:
		return l.Outcome == "hit" || l.Outcome == "stale" && r.ttl == 0 // -0 whole seconds
	case stale:
		return l.Outcome == "stale"
	case refreshed:
		return l.Outcome == "refresh"
	}
	return l.Outcome == "miss"
}

func checkExposure(v *view, report report) {
	for _, text := range v.exposed {
		report("%s", text)
	}
}

// checkLeaks: after the load the process holds about what it held before. Memory that Go's runtime has not given back
// yet is no leak, and threads it keeps for good: those have bounds that a leak passes in a minute.
func checkLeaks(v *view, report report) {
	const moreThreads, moreMemory = 24, 24 << 20
	if v.died != "" {
		return
	}
	if v.end.files > v.begin.files+keptFiles {
		report("%d open files after the load, %d before", v.end.files, v.begin.files)
	}
	if v.end.threads > v.begin.threads+moreThreads {
		report("%d threads after the load, %d before", v.end.threads, v.begin.threads)
	}
	if v.end.memory > v.begin.memory+moreMemory {
		report("%d MiB resident after the load, %d before", v.end.memory>>20, v.begin.memory>>20)
	}
}

// checkInvocations: the extension asks for the next event when what is under way is done, or after a second: the
// function is billed until then.
func checkInvocations(v *view, report report) {
	const longest = time.Second
	for _, i := range v.invocations {
		if i.took > longest+noise+v.stalled(i.at, i.at+i.took) {
			report("the INVOKE at %v: it took %v, and the bound is %v", rounded(i.at), rounded(i.took), longest)
		}
	}
}
