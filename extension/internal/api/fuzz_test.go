package api_test

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"larder/extension/internal/source"
)

// line sends one request after another on a connection, and dials anew where the server closed it.
type line struct {
	service *service
	wire    *wire
}

func (l *line) mustSend(t *testing.T, request string) answer {
	t.Helper()
	if l.wire == nil {
		l.wire = l.service.mustDialFor(t) // for many inputs, of which t is one
	}
	if err := l.wire.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	got, err := l.wire.send(request)
	if err != nil {
		t.Fatalf("%v, after %q", err, request)
	}
	if got.closed {
		l.wire.Close()
		l.wire = nil
	}
	return got
}

// Whatever a query holds, it is answered, with 200 or 400; and where net/url understands it, it is understood in
// the same way.
func FuzzQuery(f *testing.F) {
	for _, seed := range []string{
		"secretId=a&name=a", "name=%2Fprod%2Fa&secretId=a+b%20c&withDecryption=true&refreshNow=1", "version=3&label=Dev&name=a",
		"label=Dev&version=x&name=a", "name=a&version=&version=7", "secretId=&secretId=%FF", "secretId=a;name=b", "%zz=%&name=%4",
		"name=a&withDecryption=maybe", "secretId=a&versionStage=AWSCURRENT", "secretId=a&versionStage=AWSCURRENT&versionId=x",
		"name=%00&secretId=%7f", "&&=&a&name", "secretId=\xc3\xbc&name=\xff", "name=a&refreshNow=TRUE&refreshNow=TRUE",
	} {
		f.Add(seed)
	}
	l := &line{service: mustServe(f, defaults())}
	f.Fuzz(func(t *testing.T, query string) {
		if len(query) > 8000 || strings.ContainsFunc(query, notInTarget) {
			return // not the target of a request
		}
		for _, path := range []string{secretPath, parameterPath} {
			_, before := l.service.reader.last()
			got := l.mustSend(t, request("GET", path+"?"+query))
			read, after := l.service.reader.last()
			if got.status != 200 && got.status != 400 || got.status == 200 != (after == before+1) {
				t.Fatalf("%s?%q: %d %s after %d reads", path, query, got.status, got.body, after-before)
			}
			want, refresh, valid, known := understand(path, query)
			if !known {
				continue
			}
			if valid != (got.status == 200) {
				t.Errorf("%s?%q: %d %s, but valid is %t", path, query, got.status, got.body, valid)
			} else if valid && (read.Query != want || read.refresh != refresh) {
				t.Errorf("%s?%q:\ngot  %+v\nwant %+v, refresh %t", path, query, read, want, refresh)
			}
		}
	})
}

func notInTarget(r rune) bool { return r <= ' ' || r == 0x7f || r == '#' }

// understand reads a query by net/url and the contract's words. It does not know what net/url refuses, and what
// of two truth values counts, of which a test of its own tells.
func understand(path, query string) (q source.Query, refresh, valid, known bool) {
	values, err := url.ParseQuery(query)
	if err != nil || several(values["refreshNow"]) || several(values["withDecryption"]) {
		return q, false, false, false
	}
	valid = true
	text := func(name string) string {
		for _, value := range values[name] {
			if value != "" {
				valid = valid && isName(value)
				return value
			}
		}
		return ""
	}
	truth := func(name string) bool {
		for _, value := range values[name] {
			switch strings.ToLower(value) {
			case "true", "1":
				return true
			case "false", "0", "":
			default:
				valid = false
			}
		}
		return false
	}
	refresh = truth("refreshNow")
	if path == secretPath {
		q = source.Query{Service: source.SecretsManager, Name: text("secretId"), VersionID: text("versionId"), VersionStage: text("versionStage")}
		if q.VersionStage == "AWSCURRENT" && q.VersionID == "" {
			q.VersionStage = ""
		}
		return q, refresh, valid && q.Name != "", true
	}
	q = source.Query{Service: source.ParameterStore, Name: text("name"), WithDecryption: truth("withDecryption")}
	var isVersion bool
	if q.Selector, isVersion = firstSelector(query); q.Selector != "" {
		valid = valid && isName(q.Selector)
		if _, err := strconv.ParseUint(q.Selector, 10, 63); isVersion && err != nil {
			valid = false
		}
	}
	return q, refresh, valid && q.Name != "", true
}

// firstSelector is the first of version and label that is not empty.
func firstSelector(query string) (selector string, isVersion bool) {
	for pair := range strings.SplitSeq(query, "&") {
		values, _ := url.ParseQuery(pair)
		for _, name := range []string{"version", "label"} {
			if value := values.Get(name); value != "" {
				return value, name == "version"
			}
		}
	}
	return "", false
}

func isName(text string) bool {
	return len(text) <= 2048 && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func several(values []string) bool { return len(values) > 1 }

var ownHosts = regexp.MustCompile(`^((?i:localhost)|127\.0\.0\.1|\[::1\])(:[0-9]{0,5})?$`)

// Of all that a Host header can hold only this machine's names are let in.
func FuzzHost(f *testing.F) {
	for _, seed := range []string{
		"localhost", "LOCALHOST:2773", "127.0.0.1:1", "[::1]", "[::1]:65535", "localhost:", "localhost.", "example.com",
		"localhost:123456", "127.0.0.1:x", "user@localhost", "[::1", "::1", "", "a localhost", "localhost\tx", "localhost/",
	} {
		f.Add(seed)
	}
	l := &line{service: mustServe(f, defaults())}
	f.Fuzz(func(t *testing.T, host string) {
		if len(host) > 4000 || strings.ContainsAny(host, "\r\n") {
			return // not the value of a header
		}
		got := l.mustSend(t, request("GET", target, "Host: "+host))
		// Whether a port of no digits, or too many, makes the request malformed is the HTTP server's to say; what
		// counts is that no other host is let in.
		own := ownHosts.MatchString(strings.Trim(host, " \t"))
		if got.status == 200 && !own || got.status != 200 && got.status != 400 && got.status != 403 {
			t.Errorf("%q: %d %s", host, got.status, got.body)
		}
		if own && got.status == 403 {
			t.Errorf("%q is refused: %s", host, got.body)
		}
	})
}

// Of all that a token's header can hold only the token is let in.
func FuzzToken(f *testing.F) {
	for _, seed := range []string{
		token, token + "x", token[1:], "", " " + token, token + "\t", token + "\x00", strings.ToUpper(token), token + token,
		"\xff", token + "\xa0", token + "\xe2\x80\xa8",
	} {
		f.Add(seed)
	}
	l := &line{service: mustServe(f, defaults())}
	f.Fuzz(func(t *testing.T, sent string) {
		if len(sent) > 4000 || strings.ContainsAny(sent, "\r\n") {
			return // not the value of a header
		}
		got := l.mustSend(t, request("GET", target, "X-Aws-Parameters-Secrets-Token: "+sent))
		// Space around a header's value is none of it (RFC 9110, section 5.5).
		if right := strings.Trim(sent, " \t") == token; right != (got.status == 200) {
			t.Errorf("%q: %d %s", sent, got.status, got.body)
		}
		if got.status != 200 && strings.Contains(got.body, token) {
			t.Errorf("%q: the answer holds the token: %s", sent, got.body)
		}
	})
}
