package access

// Invocation is what the records of one invocation have in common. The function's requests may come before
// Lambda tells the extension of their invocation, so it is a best effort.
type Invocation struct {
	RequestID string
	TraceID   string // in X-Ray's form: 1-5759e988-bd862e3fe1be46a994272793
}

// Begin notes that an invocation began; trace is the value of X-Amzn-Trace-Id, or empty.
func (r *Recorder) Begin(requestID, trace string) {
	r.invocation.Store(&Invocation{RequestID: requestID, TraceID: TraceID(trace)})
}

// Invocation is the one that began last; its fields are empty before the first.
func (r *Recorder) Invocation() Invocation { return *r.invocation.Load() }
