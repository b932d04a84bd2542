package source_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/source"
)

// The function renews its credentials at times of its own: the session token of those that are valid now counts, that of
// those before, and one that the endpoint hands out since. For a token that is nobody's the endpoint is asked once a
// second at most.
func TestSessionTokens(t *testing.T) {
	server := mustStart(t)
	credentials := source.NewCredentials(container(server, source.CredentialsConfig{}))
	renew := func(token string) {
		keys := server.Credentials.Keys()
		keys.SessionToken = token
		server.Credentials.SetKeys(keys)
	}
	check := func(token string, want bool) {
		t.Helper()
		if got := credentials.IsSessionToken(context.Background(), []byte(token)); got != want {
			t.Errorf("%s: %t, want %t", token, got, want)
		}
	}
	renew("first")
	check("first", true)
	checkFetches(t, server, 1, 1)
	renew("second")
	check("first", true)
	checkFetches(t, server, 1, 1)
	check("second", true)
	checkFetches(t, server, 2, 2)
	check("first", true)
	for range 20 {
		check("wrong", false)
		check("", false)
	}
	checkFetches(t, server, 2, 3) // perhaps a second has passed
	renew("third")
	for end := time.Now().Add(awstest.Patience); !credentials.IsSessionToken(context.Background(), []byte("third")); {
		if time.Now().After(end) {
			t.Fatal("the third is never known")
		}
		time.Sleep(10 * time.Millisecond)
	}
	check("second", true)
	check("first", false)
	credentials.Forget() // as after a restore: what INIT knew is nobody's any more
	renew("fourth")
	check("fourth", true)
	check("third", false)
	check("second", false)
}

// The keys of the environment have a session token as well, or none.
func TestSessionTokenOfKeys(t *testing.T) {
	for _, token := range []string{"", "token"} {
		credentials := source.NewCredentials(source.CredentialsConfig{AccessKeyID: "a", SecretAccessKey: "b", SessionToken: token})
		for _, sent := range []string{"", "token", "other", strings.Repeat("x", 2000)} {
			if got, want := credentials.IsSessionToken(context.Background(), []byte(sent)), sent != "" && sent == token; got != want {
				t.Errorf("%q beside %q: %t", sent, token, got)
			}
		}
	}
}
