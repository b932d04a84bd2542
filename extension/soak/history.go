// This file holds what is written down of a run, to be judged after it.

package main

import (
	"time"

	"larder/extension/internal/awstest"
)

// history is all that was seen of a run.
type history struct {
	*plan // with the times at which its phases really began, and the states of its names
	reads []read
	calls []call
	lines map[string][]line // the access lines, by the request's id
	other int               // lines that are no access lines

	exposed     []string // lines that hold a canary, with that taken out
	dropped     int      // access lines that the extension says it dropped
	invocations []invocation
	stalls      []stall
	begin, end  usage // at rest, before the load and after it
	most        usage
	connections int           // at the fake AWS, at most
	ending      time.Duration // from SHUTDOWN to the process's end
	died        string        // how the process ended before it was told to, or otherwise than it should
}

// read is one request, and its answer.
type read struct {
	id         string
	name       int
	refresh    bool
	abandoned  bool   // the client did not wait for an answer
	begin, end moment // from when the whole request was sent
	broken     string // why there is no answer, or none that can be understood

	status    int
	outcome   outcome
	ttl       int // whole seconds; less than 0 for a stale value
	age       int
	reason    string // why the value is stale
	code      string // of an error
	number    int    // of the state whose value it is; 0 for none or a wrong one
	versionID string
}

func (r read) took() time.Duration { return r.end - r.begin }

// failed says that AWS could not be read, for a reason that may pass.
func (r read) failed() bool { return r.status >= 500 }

// notFound says that AWS has nothing of the name.
func (r read) notFound() bool {
	return r.code == "ResourceNotFoundException" || r.code == "ParameterNotFound"
}

// outcome is what Cache-Status says of an answer.
type outcome string

const (
	fresh     outcome = "hit"
	stale     outcome = "stale"
	negative  outcome = "negative"
	asked     outcome = "asked"     // AWS, since there was nothing that could be served
	refreshed outcome = "refreshed" // by AWS, since the client asked for that
)

// call is one call at AWS.
type call struct {
	at      moment
	service awstest.Service
	names   []int
	status  int // 0: no answer
}

// line is what matters of an access line.
type line struct {
	Type      string `json:"type"`
	RequestID string `json:"requestId"`
	Source    string `json:"source"`
	Name      string `json:"name"`
	Outcome   string `json:"outcome"`
	Status    int    `json:"status"`
	Error     string `json:"error"`
	VersionID string `json:"versionId"`
	Dropped   int    `json:"dropped"`
}

// invocation is one INVOKE: when it was delivered, and how long until the extension waited for the next event.
type invocation struct {
	at   moment
	took time.Duration
}

// stall is a time in which this process, and so probably the machine, did not get on.
type stall struct{ from, to moment }

// stalled is how long the machine did not get on between two moments.
func (h *history) stalled(from, to moment) time.Duration {
	var sum time.Duration
	for _, s := range h.stalls {
		sum += max(0, min(s.to, to)-max(s.from, from))
	}
	return sum
}
