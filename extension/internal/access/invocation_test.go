package access_test

import (
	"io"
	"testing"

	"larder/extension/internal/access"
)

// Before the first invocation nothing is known of it; then the one that began last counts.
func TestInvocation(t *testing.T) {
	l := newBook(io.Discard, access.Config{})
	if got := l.Invocation(); got != (access.Invocation{}) {
		t.Errorf("before the first: %+v", got)
	}
	l.Begin("first", "Root=1-a-b;Parent=c;Sampled=1")
	l.Begin("second", "")
	if got := l.Invocation(); got != (access.Invocation{RequestID: "second"}) {
		t.Errorf("got %+v", got)
	}
}

// The trace's id is found wherever it stands in the header, and is empty if it is nowhere.
func TestTraceID(t *testing.T) {
	const id = "1-5759e988-bd862e3fe1be46a994272793"
	for trace, want := range map[string]string{
		"":                      "",
		"Root=" + id:            id,
		"Root=" + id + ";":      id,
		"Self=1-x;Root=" + id:   id,
		"Sampled=0; Root=" + id: id,
		"Root=" + id + ";Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:2": id,
		"Parent=53995c3f42cd8ad8;Sampled=1":                             "",
		"root=" + id:                                                    "",
		"Root":                                                          "",
		"Root=":                                                         "",
		id:                                                              "",
		";;;=":                                                          "",
		"NotRoot=" + id:                                                 "",
	} {
		l := newBook(io.Discard, access.Config{})
		l.Begin("request", trace)
		if got := l.Invocation().TraceID; got != want {
			t.Errorf("%q: got %q, want %q", trace, got, want)
		}
	}
}
