package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"larder/extension/internal/awstest"
)

// Both endpoints answer, the second with and without a slash at its end, directly and not by a redirect; on
// either address and under each name of this machine.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	p := newScene(t).start()
	for _, host := range loopback(t) {
		for _, target := range []string{secretTarget, parameterTarget, strings.Replace(parameterTarget, "get?", "get/?", 1)} {
			if a := p.mustAsk(request{target: target, address: host}); a.status != http.StatusOK {
				t.Errorf("GET %s on %s: status %d: %s", target, host, a.status, a.body)
			}
		}
	}
}

// HEAD is GET without the body: same status, same headers, the length of the body that is left out.
func TestHEAD(t *testing.T) {
	t.Parallel()
	p := newScene(t).start()
	for _, target := range []string{secretTarget, parameterTarget} {
		body := p.mustRead(target).body
		get := p.mustRead(target)
		head := p.mustAsk(request{method: http.MethodHead, target: target})
		if head.status != http.StatusOK || head.body != "" || head.header.Get("Content-Length") != fmt.Sprint(len(body)) {
			t.Errorf("HEAD %s: %d %q %v", target, head.status, head.body, head.header)
		}
		for name := range get.header {
			if head.header.Get(name) == "" {
				t.Errorf("HEAD %s has no %s", target, name)
			}
		}
	}
	checkError(t, p.mustAsk(request{method: http.MethodHead, target: secretTarget, token: "-"}), http.StatusForbidden, "InvalidToken")
}

// Real callers encode as they like, put parameters in any order, repeat them, and send ones that nobody knows:
// each of these is one and the same read.
func TestEncodings(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Secrets.PutString("a b/c+d", secretValue)
	arn := s.aws.Secrets.ARN(secretName)
	p := s.start()
	rows := []struct{ target, name string }{
		{"/secretsmanager/get?secretId=prod/db-credentials", secretName},
		{"/secretsmanager/get?secretId=prod%2Fdb-credentials", secretName},
		{"/secretsmanager/get?secretId=prod%2fdb%2Dcredentials", secretName},
		{"/secretsmanager/get?versionStage=AWSCURRENT&secretId=prod/db-credentials", secretName},
		{"/secretsmanager/get?secretId=prod/db-credentials&&x&=y&secretId=other&utm=%zz&", secretName},
		{"/secretsmanager/get?secretId=&secretId=prod/db-credentials&versionId=&versionStage=", secretName},
		{"/secretsmanager/get?secretid=other&secretId=prod/db-credentials&jsonKey=password", secretName},
		{"/secretsmanager/get?secretId=" + arn, arn},
		{"/secretsmanager/get?secretId=" + strings.ReplaceAll(arn, ":", "%3A"), arn},
		{"/secretsmanager/get?secretId=" + arn[:len(arn)-len("-abcdef")], arn[:len(arn)-len("-abcdef")]},
		{"/secretsmanager/get?secretId=a+b/c%2Bd", "a b/c+d"},
		{"/secretsmanager/get?secretId=a%20b%2Fc%2Bd", "a b/c+d"},
		{"/systemsmanager/parameters/get?name=/prod/config/api-url", parameterName},
		{"/systemsmanager/parameters/get/?name=%2Fprod%2Fconfig%2Fapi-url", parameterName},
		{"/systemsmanager/parameters/get?withDecryption=true&x=1&name=%2Fprod/config%2Fapi-url&name=other", parameterName},
		{"/systemsmanager/parameters/get?name=" + s.aws.Parameters.ARN(parameterName), s.aws.Parameters.ARN(parameterName)},
		{"/systemsmanager/parameters/get?name=/prod/config/api-url:1", parameterName + ":1"},
		{"/systemsmanager/parameters/get?name=/prod/config/api-url%3A1", parameterName + ":1"},
	}
	for _, row := range rows {
		s.aws.Counts.Reset()
		a := p.mustRead(row.target + "&refreshNow=1")
		if !strings.Contains(a.body, canary) {
			t.Errorf("%s: the body is %s", row.target, a.body)
		}
		if names := s.aws.Counts.Last().Names; len(names) != 1 || names[0] != row.name {
			t.Errorf("%s: AWS was asked for %q, want %q", row.target, names, row.name)
		}
	}
	records := p.mustRecords(len(rows))
	for i, row := range rows {
		if records[i].Name != row.name {
			t.Errorf("%s: recorded as %q", row.target, records[i].Name)
		}
	}
}

// refreshNow and withDecryption are understood in any case, and as 1 and 0.
func TestBooleans(t *testing.T) {
	t.Parallel()
	p := newScene(t).start()
	p.mustRead(secretTarget)
	for _, yes := range []string{"true", "True", "TRUE", "1"} {
		checkCache(t, p.mustRead(secretTarget+"&refreshNow="+yes), "fwd=request")
	}
	for _, no := range []string{"false", "FALSE", "0", ""} {
		checkCache(t, p.mustRead(secretTarget+"&refreshNow="+no), "hit")
	}
	p.mustRead(parameterTarget + "&withDecryption=TRUE")
	checkCache(t, p.mustRead(parameterTarget+"&withDecryption=1"), "hit")
	p.mustRead(parameterTarget + "&withDecryption=0")
	checkCache(t, p.mustRead(parameterTarget), "hit")
}

// Versions: a secret's by id and by staging label; a parameter's by number and by label, of which the one that
// stands first in the query counts, whatever the other is.
func TestSelectors(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	former := s.aws.Secrets.VersionID(secretName, "AWSCURRENT")
	current := s.aws.Secrets.Rotate(secretName, canary+"-rotated")
	s.aws.Parameters.PutString(parameterName, canary+"-second")
	s.aws.Parameters.PutString(parameterName, canary+"-third")
	s.aws.Parameters.Label(parameterName, "Dev", 1)
	p := s.start()
	rows := []struct{ target, asked, has string }{
		{secretTarget, secretName, `"VersionId":"` + current + `"`},
		{secretTarget + "&versionStage=AWSCURRENT", secretName, `"VersionId":"` + current + `"`},
		{secretTarget + "&versionStage=AWSPREVIOUS", secretName, `"VersionId":"` + former + `"`},
		{secretTarget + "&versionId=" + former, secretName, `"VersionId":"` + former + `"`},
		{secretTarget + "&versionStage=AWSPREVIOUS&versionId=" + former, secretName, `"VersionId":"` + former + `"`},
		{parameterTarget, parameterName, `"Selector":null`},
		{parameterTarget + "&version=2", parameterName + ":2", `"Selector":":2"`},
		{parameterTarget + "&label=Dev", parameterName + ":Dev", `"Selector":":Dev"`},
		{parameterTarget + "&version=2&label=Dev", parameterName + ":2", `"Version":2`},
		{parameterTarget + "&label=Dev&version=2", parameterName + ":Dev", `"Version":1`},
		{parameterTarget + "&label=Dev&version=nonsense", parameterName + ":Dev", `"Version":1`},
		{parameterTarget + "&version=&label=Dev", parameterName + ":Dev", `"Version":1`},
		{"/systemsmanager/parameters/get?label=Dev&name=/prod/config/api-url&version=2", parameterName + ":Dev", `"Version":1`},
	}
	for _, row := range rows {
		a := p.mustRead(row.target + "&refreshNow=1")
		if !strings.Contains(a.body, row.has) {
			t.Errorf("%s: the body lacks %s: %s", row.target, row.has, a.body)
		}
		if !strings.Contains(a.body, `"Name":"`+strings.SplitN(row.asked, ":", 2)[0]+`"`) {
			t.Errorf("%s: the name is not bare: %s", row.target, a.body)
		}
		if names := s.aws.Counts.Last().Names; names[0] != row.asked {
			t.Errorf("%s: AWS was asked for %q, want %q", row.target, names, row.asked)
		}
	}
}

// A parameter's value is decrypted only when that is asked for.
func TestWithDecryption(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	const name = "/prod/secure"
	s.aws.Parameters.PutSecure(name, canary+"-secure")
	p := s.start()
	const target = "/systemsmanager/parameters/get?name=" + name
	encrypted, decrypted := s.aws.Parameters.Ciphertext(name), canary+"-secure"
	for _, row := range []struct{ target, value string }{
		{target, encrypted}, {target + "&withDecryption=false", encrypted}, {target + "&withDecryption=true", decrypted},
		{target, encrypted},
	} {
		if a := p.mustRead(row.target); !strings.Contains(a.body, `"Value":"`+row.value+`"`) {
			t.Errorf("%s: %s", row.target, a.body)
		}
	}
	if n := s.aws.Counts.Of(awstest.GetParameter); n != 2 {
		t.Errorf("%d calls, want one for each form", n)
	}
}

// An ARN is read in its own region, and a name in the function's.
func TestRegions(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	elsewhere := s.aws.Secrets.Put(awstest.Secret{Name: "elsewhere", String: canary, Region: "us-gov-west-1"})
	s.aws.Parameters.Put(awstest.Parameter{Name: "/elsewhere", Value: canary, Region: "cn-north-1"})
	p := s.start()
	for _, row := range []struct{ target, region string }{
		{secretTarget, "eu-west-1"},
		{parameterTarget, "eu-west-1"},
		{"/secretsmanager/get?secretId=" + elsewhere, "us-gov-west-1"},
		{"/systemsmanager/parameters/get?name=" + s.aws.Parameters.ARN("/elsewhere"), "cn-north-1"},
		{"/systemsmanager/parameters/get?name=/aws/reference/secretsmanager/prod/db-credentials&withDecryption=true", "eu-west-1"},
	} {
		if a := p.mustRead(row.target); !strings.Contains(a.body, canary) {
			t.Errorf("%s: %s", row.target, a.body)
		}
		if got := s.aws.Counts.Last().Region; got != row.region {
			t.Errorf("%s was read in %s, want %s", row.target, got, row.region)
		}
	}
}
