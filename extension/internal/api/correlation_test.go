package api_test

import (
	"testing"

	"larder/extension/internal/access"
)

// A client's own ids go before the invocation's, and what is malformed counts for nothing.
func TestCorrelation(t *testing.T) {
	const (
		ofInvocation = "1-5759e988-bd862e3fe1be46a994272793"
		ofClient     = "1-67891233-abcdef012345678912345678"
		trace        = "X-Amzn-Trace-Id: Root=" + ofClient + ";Parent=53995c3f42cd8ad8;Sampled=1"
		traceParent  = "traceparent: 00-67891233abcdef012345678912345678-53995c3f42cd8ad8-01"
	)
	s := mustServe(t, defaults())
	wire := s.mustDial(t)
	number := 0
	check := func(headers []string, id string, from access.Origin, traceID string) {
		t.Helper()
		got, err := wire.send(request("GET", target, headers...))
		if err != nil {
			t.Fatal(err)
		}
		number++
		record := s.recorder.mustLast(t, number)
		if record.RequestIDFrom != from || record.TraceID != traceID || (id != "" && record.RequestID != id) {
			t.Errorf("%q: the record has %q of %s and %q", headers, record.RequestID, record.RequestIDFrom, record.TraceID)
		}
		if header := got.header.Get("X-Larder-Request-Id"); header != record.RequestID {
			t.Errorf("%q: the answer has %q, the record %q", headers, header, record.RequestID)
		}
	}
	check(nil, "", access.OfLarder, "")
	check([]string{traceParent}, "", access.OfLarder, ofClient)
	s.recorder.mu.Lock()
	s.recorder.invocation = access.Invocation{RequestID: "invocation", TraceID: ofInvocation}
	s.recorder.mu.Unlock()
	check(nil, "invocation", access.OfInvocation, ofInvocation)
	check([]string{"X-Larder-Request-Id: mine"}, "mine", access.OfClient, ofInvocation)
	check([]string{"x-amzn-trace-id: Root=" + ofClient}, "invocation", access.OfInvocation, ofClient)
	check([]string{trace, "X-Larder-Request-Id: mine"}, "mine", access.OfClient, ofClient)
	check([]string{"traceparent: 00-1-2-3"}, "invocation", access.OfInvocation, ofInvocation)
	check([]string{"X-Amzn-Trace-Id: Sampled=1"}, "invocation", access.OfInvocation, ofInvocation)
	check([]string{"X-Larder-Request-Id: not an id"}, "invocation", access.OfInvocation, ofInvocation)
}
