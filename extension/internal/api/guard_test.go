package api_test

import (
	"context"
	"strings"
	"testing"

	"larder/extension/internal/access"
)

const target = secretPath + "?secretId=a"

// checkRefused proves that a request is let in no further than the door, and recorded as denied.
func checkRefused(t *testing.T, status int, code string, headers ...string) {
	t.Helper()
	s := mustServe(t, defaults())
	got := s.mustGet(t, target, headers...)
	checkFailure(t, got, status, code, "")
	if _, n := s.reader.last(); n > 0 {
		t.Errorf("%q: the reader was asked", headers)
	}
	record := s.recorder.mustLast(t, 1)
	if record.Outcome != access.Denied || record.Status != status || record.Error != code ||
		record.Name != "a" || record.Source != "secretsmanager" {
		t.Errorf("%q: the record is %+v", headers, record)
	}
}

// This machine's names are let in, with and without a port.
func TestHostsOfThisMachine(t *testing.T) {
	s := mustServe(t, defaults())
	for _, host := range []string{
		"localhost", "localhost:2773", "LocalHost:1", "LOCALHOST", "localhost:", "127.0.0.1", "127.0.0.1:2773",
		"127.0.0.1:65535", "[::1]", "[::1]:2773",
	} {
		if got := s.mustGet(t, target, "Host: "+host); got.status != 200 {
			t.Errorf("%s: %d %s", host, got.status, got.body)
		}
	}
}

// Every other host is refused, though its name may point here.
func TestForeignHosts(t *testing.T) {
	for _, host := range []string{
		"example.com", "example.com:2773", "localhost.example.com", "localhost.", "notlocalhost", "127.0.0.2",
		"127.0.0.1.example.com", "127.1", "0.0.0.0", "[::2]", "localhost:123456", "user@localhost", "169.254.169.254",
		"[::ffff:127.0.0.1]",
	} {
		checkRefused(t, 403, "ForbiddenHost", "Host: "+host)
	}
}

// What is no host at all is not let in, though it looks like one; whether it makes the request malformed is left
// open here.
func TestMalformedHosts(t *testing.T) {
	s := mustServe(t, defaults())
	for _, host := range []string{
		"::1", "[::1].example.com", "[::1]2773", "[::1", "localhost:x", "localhost:2773:2773", "local host", "localhost/", "",
	} {
		if got := s.mustGet(t, target, "Host: "+host); got.status != 400 && got.status != 403 {
			t.Errorf("%s: %d %s", host, got.status, got.body)
		}
	}
	if _, n := s.reader.last(); n > 0 {
		t.Error("the reader was asked")
	}
}

// A host is compared by ASCII letters: a letter that only looks like one of them in some folding of Unicode is
// another.
func TestHostIsNotFoldedByUnicode(t *testing.T) {
	checkRefused(t, 403, "ForbiddenHost", "Host: localho\u017ft")
}

// Without any Host a request is refused, of whichever version.
func TestNoHost(t *testing.T) {
	s := mustServe(t, defaults())
	for _, line := range []string{"HTTP/1.1", "HTTP/1.0"} {
		got := s.mustSend(t, "GET "+target+" "+line+"\r\nX-Aws-Parameters-Secrets-Token: "+token+"\r\n\r\n")
		if got.status != 400 && got.status != 403 {
			t.Errorf("%s: %d %s", line, got.status, got.body)
		}
	}
	if _, n := s.reader.last(); n > 0 {
		t.Error("the reader was asked")
	}
}

// What comes through a proxy is refused, whatever the token.
func TestForwarded(t *testing.T) {
	for _, header := range []string{
		"X-Forwarded-For: 127.0.0.1", "x-forwarded-for: 10.0.0.1, 10.0.0.2", "Forwarded: for=127.0.0.1", "FORWARDED: x",
	} {
		checkRefused(t, 400, "Forwarded", header)
		checkRefused(t, 400, "Forwarded", header, "X-Aws-Parameters-Secrets-Token: wrong")
	}
}

// A proxy's header is one without a value, too.
func TestForwardedByNobody(t *testing.T) {
	checkRefused(t, 400, "Forwarded", "X-Forwarded-For:")
	checkRefused(t, 400, "Forwarded", "Forwarded:")
}

// Only the token itself opens the door.
func TestWrongTokens(t *testing.T) {
	const name = "X-Aws-Parameters-Secrets-Token: "
	for _, wrong := range []string{
		"", "wrong", token + "x", "x" + token, token[1:], token[:len(token)-1], strings.ToUpper(token), token + "," + token,
		"Bearer " + token, `"` + token + `"`, "The-function's-token==",
	} {
		checkRefused(t, 403, "InvalidToken", name+wrong)
	}
	checkRefused(t, 403, "InvalidToken", name, "Authorization: "+token)
	checkRefused(t, 403, "InvalidToken", name+"wrong", "X-Aws-Parameters-Secrets-Tokens: "+token)
}

// The header's name is of any case.
func TestTokenHeaderCase(t *testing.T) {
	s := mustServe(t, defaults())
	for _, name := range []string{
		"X-Aws-Parameters-Secrets-Token", "x-aws-parameters-secrets-token", "X-AWS-PARAMETERS-SECRETS-TOKEN",
	} {
		if got := s.mustGet(t, target, name+": "+token); got.status != 200 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
}

// Without a token nobody is let in, with an empty header least of all.
func TestNoTokenConfigured(t *testing.T) {
	for _, session := range []func(context.Context, []byte) bool{nil, func(context.Context, []byte) bool { return false }} {
		cfg := defaults()
		cfg.Token, cfg.IsSessionToken = "", session
		s := mustServe(t, cfg)
		for _, header := range []string{"X-Aws-Parameters-Secrets-Token:", "X-Aws-Parameters-Secrets-Token: x"} {
			checkFailure(t, s.mustGet(t, target, header), 403, "InvalidToken", "")
		}
	}
}

// Under SnapStart the session token of the credentials is taken as well, whatever it is at that time; the first
// token goes on to count, and needs no credentials to be fetched.
func TestSessionToken(t *testing.T) {
	session, asked := "session-1", 0
	cfg := defaults()
	cfg.IsSessionToken = func(ctx context.Context, sent []byte) bool {
		if _, bounded := ctx.Deadline(); !bounded {
			t.Error("fetching the token has no deadline")
		}
		asked++
		return string(sent) == session
	}
	s := mustServe(t, cfg)
	wire := s.mustDial(t) // one connection, so that the reads come one after another
	for _, row := range []struct {
		sent   string
		status int
	}{{token, 200}, {"session-1", 200}, {"session-2", 403}, {"", 403}} {
		got, err := wire.send(request("GET", target, "X-Aws-Parameters-Secrets-Token: "+row.sent))
		if err != nil || got.status != row.status {
			t.Errorf("%q: %d, %v", row.sent, got.status, err)
		}
	}
	session = "session-2"
	if got, err := wire.send(request("GET", target, "X-Aws-Parameters-Secrets-Token: session-2")); err != nil || got.status != 200 {
		t.Errorf("after the change: %d, %v", got.status, err)
	}
	if asked != 3 {
		t.Errorf("the session token was asked for %d times, want 3", asked)
	}
}

// The door comes before the routes: who has no token does not learn which paths there are.
func TestGuardComesFirst(t *testing.T) {
	s := mustServe(t, defaults())
	const wrong = "X-Aws-Parameters-Secrets-Token: wrong"
	for _, target := range []string{"/", "/unknown", secretPath, secretPath + "?secretId=%00", parameterPath + "?version=x"} {
		checkFailure(t, s.mustGet(t, target, wrong), 403, "InvalidToken", "")
	}
	checkFailure(t, s.mustSend(t, request("DELETE", target, wrong)), 403, "InvalidToken", "")
}
