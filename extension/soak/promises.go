// This file holds the rules on what trouble at AWS may cost a read: so much time, and a failure only if there is no
// value.

package main

import (
	"slices"
	"time"

	"larder/extension/internal/awstest"
)

// checkTimes: a read waits for AWS within the budget, and with a stale value in hand only a moment.
func checkTimes(v *view, report report) {
	for _, reads := range v.reads {
		for _, r := range reads {
			bound := v.settings.budget
			switch r.outcome {
			case stale:
				bound = v.settings.staleWait
			case negative:
				bound = 0
			}
			if r.took() > bound+noise+v.stalled(r.begin, r.end) {
				report("%s; the bound is %v", v.tell(r), bound)
			}
		}
	}
}

// checkPatience: once it is known that a service cannot be read, reads that hold a stale value don't wait. It is known
// when the first of them has waited in vain, or was told of a failure. A call that began before the weather may still
// succeed, so what is judged begins a budget later.
func checkPatience(v *view, report report) {
	const atOnce = 100 * time.Millisecond
	for _, p := range v.phases {
		if !p.weather.faulty() {
			continue
		}
		known := make(map[awstest.Service]moment)
		for _, r := range v.history.reads {
			service := v.names[r.name].service
			if r.outcome != stale || r.reason == "" || r.begin < p.from || r.end > p.to || !p.strikes(service) {
				continue
			}
			since, is := known[service]
			switch {
			case is && r.begin > max(since, p.from+v.settings.budget)+v.settings.staleWait &&
				r.took() > atOnce+v.stalled(r.begin, r.end):
				report("%s; that AWS cannot be read was known since %v", v.tell(r), rounded(since))
			case !is && (r.reason != "Timeout" || r.took() >= v.settings.staleWait):
				known[service] = r.end
			}
		}
	}
}

// checkHeld: a name that was read lately is answered, whatever happens at AWS. Names that come and go are not judged:
// that they are gone drops the value.
func checkHeld(v *view, report report) {
	for i, reads := range v.reads {
		n := v.names[i]
		if n.fate != steady {
			continue
		}
		life := v.settings.ttl(n.service)*9/10 + v.settings.staleIfError
		for at, r := range reads {
			if !r.failed() || r.refresh {
				continue
			}
			// The reads are in the order of their beginnings, so those that ended before it are among those before it.
			for _, earlier := range slices.Backward(reads[:at]) {
				if earlier.begin < r.begin-life-patient {
					break
				}
				given := earlier.begin - time.Duration(earlier.age+1)*time.Second // the value, by AWS
				if earlier.outcome == asked || earlier.outcome == refreshed {
					given = earlier.begin
				}
				if earlier.status == 200 && earlier.end < r.begin && r.begin < given+life-v.settings.staleWait-noise {
					report("%s; before it, %s", v.tell(r), v.tell(earlier))
					break
				}
			}
		}
	}
}

// checkErrors: a steady name is never told as missing or denied, a read that is well-formed never as malformed, and
// once trouble is over and forgotten nothing fails.
func checkErrors(v *view, report report) {
	forgotten := v.settings.budget + v.settings.negativeTTL + noise
	for i, reads := range v.reads {
		n := v.names[i]
		for _, r := range reads {
			p := v.phaseAt(r.begin)
			well := !p.strikes(n.service) || p.weather == healthy || p.weather == dropped
			switch {
			case r.status == 200, r.notFound() && n.fate != steady:
			case r.status != 502 && r.status != 503 && r.status != 504:
				report("%s; that is no trouble of AWS", v.tell(r))
			case well && r.begin > p.from+forgotten+v.stalled(p.from, r.end) && r.end < p.to:
				report("%s; AWS has been well since %v", v.tell(r), rounded(p.from))
			}
		}
	}
}
