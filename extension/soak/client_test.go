package main

import (
	"bufio"
	"fmt"
	"strings"
	"testing"

	"larder/extension/internal/awstest"
)

// What an answer says is read from it, and a value counts only under its own name.
func TestReceive(t *testing.T) {
	own := &name{service: awstest.SecretsManager, text: "soak/secret"}
	another := &name{service: awstest.SecretsManager, text: "soak/another"}
	body := fmt.Sprintf(`{"Name":"soak/secret","SecretString":%q,"VersionId":"v"}`, own.value(7))
	parameter := fmt.Sprintf(`{"Parameter":{"Name":"soak/secret","Value":%q,"Version":7}}`, own.value(7))
	for _, test := range []struct {
		status string // Cache-Status
		name   *name
		body   string
		want   read
	}{
		{"larder; hit; ttl=2", own, body, read{outcome: fresh, ttl: 2, number: 7, versionID: "v"}},
		{"larder; hit; ttl=2", own, parameter, read{outcome: fresh, ttl: 2, number: 7, versionID: "7"}},
		{"larder; hit; ttl=2", own, strings.Replace(body, own.text, another.text, 1), read{outcome: fresh, ttl: 2, versionID: "v"}},
		{"larder; hit; ttl=2", another, body, read{outcome: fresh, ttl: 2, versionID: "v"}},
		{"larder; hit; ttl=-3; detail=Timeout", own, body,
			read{outcome: stale, ttl: -3, reason: "Timeout", number: 7, versionID: "v"}},
		{"larder; hit; ttl=-3", own, body, read{outcome: stale, ttl: -3, number: 7, versionID: "v"}},
		{"larder; fwd=miss; stored; collapsed", own, body, read{outcome: asked, number: 7, versionID: "v"}},
		{"larder; fwd=stale; stored", own, body, read{outcome: asked, number: 7, versionID: "v"}},
		{"larder; fwd=request", own, body, read{outcome: refreshed, number: 7, versionID: "v"}},
	} {
		got := read{id: "x"}
		c := answering(200, "Cache-Status: "+test.status+"\r\nAge: 0\r\n", test.body)
		if err := c.receive(test.name, &got); err != nil {
			t.Errorf("%s: %v", test.status, err)
		}
		test.want.id, test.want.status = "x", 200
		if got != test.want {
			t.Errorf("%s: %+v\nwant %+v", test.status, got, test.want)
		}
	}

	failed := read{id: "x"}
	c := answering(400, "Cache-Status: larder; hit; detail=negative\r\nX-Larder-Error: ParameterNotFound\r\n", "no")
	if err := c.receive(own, &failed); err != nil || failed.outcome != negative || !failed.notFound() {
		t.Errorf("a remembered failure: %+v, %v", failed, err)
	}
}

// An answer that cannot be understood is none.
func TestReceiveRefuses(t *testing.T) {
	for _, header := range []string{
		"",
		"Cache-Status: other; hit\r\nAge: 0\r\n",
		"Cache-Status: larder; fwd=elsewhere\r\nAge: 0\r\n",
		"Cache-Status: larder; hit; ttl=long\r\nAge: 0\r\n",
		"Cache-Status: larder; hit; ttl=2\r\n",
		"Cache-Status: larder; hit; ttl=2\r\nAge: 0\r\n",
	} {
		r := read{id: "x"}
		if err := answering(200, header, "no JSON").receive(&name{}, &r); err == nil {
			t.Errorf("%q was understood: %+v", header, r)
		}
	}
	r := read{id: "y"}
	if err := answering(400, "Cache-Status: larder; fwd=miss\r\n", "no").receive(&name{}, &r); err == nil {
		t.Error("the answer to another was taken")
	}
}

// answering is a connection on which an answer to x has come.
func answering(status int, header, body string) *connection {
	text := fmt.Sprintf("HTTP/1.1 %d x\r\nX-Larder-Request-Id: x\r\n%sContent-Length: %d\r\n\r\n%s", status, header, len(body), body)
	return &connection{reader: bufio.NewReader(strings.NewReader(text))}
}
