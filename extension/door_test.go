package main_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/extension/internal/awstest"
)

// The token opens, under any spelling of its header's name, and nothing else does; a refusal gives no hint of
// the right one and asks AWS nothing.
func TestToken(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	for _, header := range []string{"x-aws-parameters-secrets-token", "X-AWS-PARAMETERS-SECRETS-TOKEN", "x-AWS-Parameters-secrets-Token"} {
		a := p.mustAsk(request{target: secretTarget, token: "-", headers: []string{header + ": " + s.token}})
		if a.status != http.StatusOK {
			t.Errorf("%s: status %d", header, a.status)
		}
	}
	s.aws.Counts.Reset()
	const other = "/secretsmanager/get?secretId=other"
	refusals := []request{
		{target: other, token: "-"},
		{target: other, token: "-", headers: []string{tokenHeader + ":"}},
		{target: other, token: "wrong"},
		{target: other, token: s.token[:len(s.token)-1]},
		{target: other, token: s.token + "x"},
		{target: other, token: strings.ToLower(s.token)},
		{target: other, token: "-", headers: []string{"X-Vault-Token: " + s.token, "Authorization: Bearer " + s.token}},
		{target: other + "&token=" + s.token, token: "-"},
		{method: "POST", target: other, token: "wrong"},
		{target: "/", token: "wrong"},
	}
	for _, r := range refusals {
		checkError(t, p.mustAsk(r), http.StatusForbidden, "InvalidToken", tokenHeader)
	}
	if n := s.aws.Counts.Of(""); n != 0 {
		t.Errorf("AWS was asked %d times for refused requests", n)
	}
	records := p.mustRecords(3 + len(refusals))
	for _, r := range records[3:] {
		if r.Outcome != "denied" || r.Status != http.StatusForbidden || r.Error != "InvalidToken" {
			t.Errorf("recorded as %s", r.text)
		}
	}
}

// LARDER_TOKEN goes before the session token, as a value or as the file that holds it.
func TestOwnToken(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(canary+"-own-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, setting := range map[string]string{"value": canary + "-own-token", "file": "file://" + file} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			p := s.start("LARDER_TOKEN=" + setting)
			p.mustAskWith(canary+"-own-token", secretTarget)
			checkError(t, p.mustAsk(request{target: secretTarget, token: s.token}), http.StatusForbidden, "InvalidToken")
			if got := s.aws.Counts.Last().SessionToken; got != s.token {
				t.Error("calls are not signed with the function's own credentials any more")
			}
		})
	}
}

// AWS_CONTAINER_AUTHORIZATION_TOKEN counts where there is no session token, and not where there is one.
func TestOrderOfTokens(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start("AWS_CONTAINER_AUTHORIZATION_TOKEN=" + canary + "-container")
	p.mustRead(secretTarget)
	checkError(t, p.mustAsk(request{target: secretTarget, token: canary + "-container"}), http.StatusForbidden, "InvalidToken")
}

// A token file whose only content is white space is no token, and opens to nobody.
func TestEmptyTokenFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	checkInitError(t, newScene(t).launch("LARDER_TOKEN=file://"+file), "LARDER_TOKEN")
}

// What came through a proxy is refused, whoever put the header there and whatever it says.
func TestForwarded(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	for _, header := range []string{"X-Forwarded-For: 127.0.0.1", "x-forwarded-for: 10.0.0.1, 127.0.0.1", "Forwarded: for=127.0.0.1",
		"FORWARDED: for=_x", "X-Forwarded-For:", "Forwarded: "} {
		a := p.mustAsk(request{target: secretTarget, headers: []string{header}})
		checkError(t, a, http.StatusBadRequest, "Forwarded", "Forwarded")
	}
	if n := s.aws.Counts.Of(""); n != 0 {
		t.Errorf("AWS was asked %d times for refused requests", n)
	}
}

// A page in a browser whose name was pointed at loopback (DNS rebinding) names its own host, and is refused.
func TestHost(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	for _, host := range []string{"localhost", "LocalHost", "127.0.0.1", "[::1]", "localhost:2773", "127.0.0.1:80", "[::1]:2773", "localhost:"} {
		if a := p.mustAsk(request{target: secretTarget, host: host}); a.status != http.StatusOK {
			t.Errorf("Host %s: status %d: %s", host, a.status, a.body)
		}
	}
	s.aws.Counts.Reset()
	for _, host := range []string{"example.com", "localhost.example.com", "127.0.0.1.example.com", "example.com:2773",
		"127.0.0.2", "::1", "[::1", "[::2]", "169.254.100.1", "0.0.0.0", "localhost:port", "user@localhost", "localhost.", "2773"} {
		a := p.mustAsk(request{target: secretTarget + "&refreshNow=1", host: host})
		if a.status != http.StatusForbidden && a.status != http.StatusBadRequest {
			t.Errorf("Host %s: status %d", host, a.status)
		}
	}
	checkError(t, p.mustAsk(request{target: secretTarget, host: "example.com"}), http.StatusForbidden, "ForbiddenHost", "localhost")
	if n := s.aws.Counts.Of(awstest.GetSecretValue); n != 0 {
		t.Errorf("AWS was asked %d times for refused requests", n)
	}
}

// Only GET and HEAD read; the refusal names them.
func TestMethods(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "get"} {
		a := p.mustAsk(request{method: method, target: secretTarget, headers: []string{"Content-Length: 0"}})
		checkError(t, a, http.StatusMethodNotAllowed, "MethodNotAllowed", "GET")
		if got := a.header.Get("Allow"); got != "GET, HEAD" {
			t.Errorf("%s: Allow is %q", method, got)
		}
	}
	if n := s.aws.Counts.Of(""); n != 0 {
		t.Errorf("AWS was asked %d times for refused requests", n)
	}
}

// Any other path is none, and the answer lists those that there are.
func TestUnknownPath(t *testing.T) {
	t.Parallel()
	p := newScene(t).start()
	for _, target := range []string{"/", "/secretsmanager/get/?secretId=a", "/secretsmanager", "/secretsmanager/get/a?secretId=a",
		"//secretsmanager/get?secretId=a", "/SecretsManager/get?secretId=a", "/systemsmanager/parameters/get//?name=a",
		"/x/../secretsmanager/get?secretId=a", "/systemsmanager/parameters?name=a"} {
		checkError(t, p.get(target), http.StatusNotFound, "UnknownPath", "/secretsmanager/get", "/systemsmanager/parameters/get")
	}
}
