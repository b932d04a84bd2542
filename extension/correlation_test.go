package main_test

import (
	"net/http"
	"strings"
	"testing"

	"larder/extension/internal/lambdatest"
)

// A record is found by the ids of who asked: the client's own, else those of the invocation, else one that is made here;
// and the answer says the same id. What is malformed is as if it had not been sent.
func TestCorrelation(t *testing.T) {
	t.Parallel()
	const (
		ofInvocation = "1-5759e988-bd862e3fe1be46a994272793"
		ofClient     = "1-67891233-abcdef012345678912345678"
		invocation   = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
		traceID      = "X-Amzn-Trace-Id: Root=" + ofClient + ";Parent=53995c3f42cd8ad8;Sampled=1"
		traceParent  = "traceparent: 00-67891233abcdef012345678912345678-53995c3f42cd8ad8-01"
	)
	s := newScene(t)
	p := s.start()
	type row struct {
		headers         []string
		id, from, trace string // an id of "": whichever
	}
	number := 0
	check := func(rows ...row) {
		t.Helper()
		for _, want := range rows {
			a := p.mustAsk(request{target: secretTarget, headers: want.headers})
			number++
			got := p.mustRecords(number)[number-1]
			if (want.id != "" && got.RequestID != want.id) || got.From != want.from || got.TraceID != want.trace {
				t.Errorf("%q: the record is %s", want.headers, got.text)
			}
			if header := a.header.Get("X-Larder-Request-Id"); header != got.RequestID {
				t.Errorf("%q: the answer says %q, the record %q", want.headers, header, got.RequestID)
			}
		}
	}
	check(
		row{nil, "", "larder", ""},
		row{[]string{"X-Larder-Request-Id: mine"}, "mine", "client", ""},
		row{[]string{traceParent}, "", "larder", ofClient},
	)
	s.lambda.InvokeWith(lambdatest.Invocation{RequestID: invocation, Trace: "Root=" + ofInvocation + ";Parent=53995c3f42cd8ad8;Sampled=0"})
	s.lambda.MustWaitNext(t, 2)
	check(
		row{nil, invocation, "invocation", ofInvocation},
		row{[]string{"X-Larder-Request-Id: mine"}, "mine", "client", ofInvocation},
		row{[]string{traceID}, invocation, "invocation", ofClient},
		row{[]string{strings.ToLower(traceID[:15]) + traceID[15:]}, invocation, "invocation", ofClient},
		row{[]string{traceParent}, invocation, "invocation", ofClient},
		row{[]string{"traceparent: 00-00000000000000000000000000000000-53995c3f42cd8ad8-01", traceID}, invocation, "invocation", ofClient},
		row{[]string{"traceparent: 00-00000000000000000000000000000000-53995c3f42cd8ad8-01"}, invocation, "invocation", ofInvocation},
		row{[]string{"X-Amzn-Trace-Id: Root=1-2-3"}, invocation, "invocation", ofInvocation},
		row{[]string{"X-Larder-Request-Id: not one word"}, invocation, "invocation", ofInvocation},
		row{[]string{"X-Larder-Request-Id: " + strings.Repeat("x", 129)}, invocation, "invocation", ofInvocation},
		row{[]string{"X-Larder-Request-Id: " + strings.Repeat("x", 128)}, strings.Repeat("x", 128), "client", ofInvocation},
	)
	s.lambda.InvokeWith(lambdatest.Invocation{RequestID: "next", Untraced: true})
	s.lambda.MustWaitNext(t, 3)
	check(row{nil, "next", "invocation", ""})
}

// Who is refused by the role's policies learns which action they lack: the caller in the answer, and the operator in the
// record. So does who gets a failure that is remembered.
func TestDeniedAction(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Secrets.PutString("denied", canary)
	s.aws.Secrets.Deny("denied")
	s.aws.Secrets.PutString("keyless", canary)
	s.aws.Secrets.DenyKey("keyless")
	s.aws.Parameters.PutString("/denied", canary)
	s.aws.Parameters.Deny("/denied")
	s.aws.Parameters.PutSecure("/keyless", canary)
	s.aws.Parameters.DenyKey("/keyless")
	p := s.start("LARDER_NEGATIVE_TTL=60")
	number := 0
	for _, row := range []struct{ target, action string }{
		{"/secretsmanager/get?secretId=denied", "secretsmanager:GetSecretValue"},
		{"/secretsmanager/get?secretId=keyless", "kms:Decrypt"},
		{"/systemsmanager/parameters/get?name=/denied", "ssm:GetParameter"},
		{"/systemsmanager/parameters/get?withDecryption=true&name=/keyless", "kms:Decrypt"},
		{"/secretsmanager/get?secretId=missing", ""},
	} {
		for range 2 { // from AWS, and from memory
			a := p.get(row.target)
			if a.status != http.StatusBadRequest || !strings.Contains(a.body, row.action) {
				t.Errorf("%s: status %d: %s", row.target, a.status, a.body)
			}
			number++
			if got := p.mustRecords(number)[number-1]; got.Action != row.action {
				t.Errorf("%s: the record is %s", row.target, got.text)
			}
		}
	}
}
