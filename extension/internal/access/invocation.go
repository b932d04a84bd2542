package access

import "strings"

// Invocation is what the records of one invocation have in common. The function's requests may come before
// Lambda tells the extension of their invocation, so it is a best effort.
type Invocation struct {
	RequestID string
	TraceID   string // in X-Ray's form: 1-5759e988-bd862e3fe1be46a994272793
}

// Begin notes that an invocation began; trace is the value of X-Amzn-Trace-Id, or empty.
func (l *Log) Begin(requestID, trace string) {
	l.invocation.Store(&Invocation{RequestID: requestID, TraceID: traceID(trace)})
}

// Invocation is the one that began last; its fields are empty before the first.
func (l *Log) Invocation() Invocation { return *l.invocation.Load() }

// traceID finds the trace's id in "Root=1-…;Parent=…;Sampled=1".
func traceID(trace string) string {
	for part := range strings.SplitSeq(trace, ";") {
		if id, isRoot := strings.CutPrefix(strings.TrimSpace(part), "Root="); isRoot {
			return id
		}
	}
	return ""
}
