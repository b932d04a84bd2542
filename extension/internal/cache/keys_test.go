package cache_test

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// A secret's name and its ARN lead to one value once AWS has told that they are the same, whichever came first.
func TestNameAndARNMeet(t *testing.T) {
	s := newScene(nil)
	s.checkRead(t, secret("a"), cache.Miss, 1)
	s.checkRead(t, secret(arnOf("a")), cache.Hit, 1)
	s.check(t, s.mustGet(t, secret(arnOf("a")), true), cache.Refreshed, 2)
	s.checkRead(t, secret("a"), cache.Hit, 2)
	s.check(t, s.mustGet(t, secret("a"), true), cache.Refreshed, 3)
	s.checkRead(t, secret(arnOf("a")), cache.Hit, 3)
}

// An ARN without its random suffix meets the whole one, too.
func TestPartialARNMeets(t *testing.T) {
	s := newScene(nil)
	full := arnOf("a")
	partial := strings.TrimSuffix(full, "-AbCdEf")
	s.stock.answer(func(n int, q source.Query) (source.Value, error) {
		value, _ := numbered(n, q)
		value.ARN = full
		return value, nil
	})
	s.checkRead(t, secret(partial), cache.Miss, 1)
	s.checkRead(t, secret(full), cache.Hit, 1)
	s.checkRead(t, secret("a"), cache.Miss, 2) // not known to be the same before AWS says so
	for _, name := range []string{partial, full, "a"} {
		s.checkRead(t, secret(name), cache.Hit, 2)
	}
}

// Reading an ARN does not make the bare name of that secret a key: in this account and region, the name may
// stand for another secret.
func TestForeignARNIsNoName(t *testing.T) {
	s := newScene(nil)
	const foreign = "arn:aws:secretsmanager:us-east-1:999999999999:secret:a-AbCdEf"
	s.checkRead(t, secret(foreign), cache.Miss, 1)
	s.checkRead(t, secret("a"), cache.Miss, 2)
	s.checkRead(t, secret(foreign), cache.Hit, 1)
	s.checkRead(t, secret("a"), cache.Hit, 2)
	s.checkRead(t, secret(arnOf("a")), cache.Hit, 2)
}

// A secret that was deleted and made anew has another ARN: what was remembered under the old one goes when the
// name tells of the new one, and the old ARN is never answered with the new value.
func TestRecreatedSecret(t *testing.T) {
	s := newScene(nil)
	s.checkRead(t, secret("a"), cache.Miss, 1)
	former, latter := arnOf("a"), strings.Replace(arnOf("a"), "AbCdEf", "GhIjKl", 1)
	s.stock.answer(func(n int, q source.Query) (source.Value, error) {
		if q.Name == former {
			return source.Value{}, &source.Error{Class: source.NotFound}
		}
		value, _ := numbered(n, q)
		value.ARN = latter
		return value, nil
	})
	s.check(t, s.mustGet(t, secret("a"), true), cache.Refreshed, 2)
	s.checkRead(t, secret("a"), cache.Hit, 2)
	s.checkRead(t, secret(latter), cache.Hit, 2)
	if answer, err := s.Get(secret(former), false); err == nil || answer.Outcome != cache.Miss {
		t.Errorf("the old ARN is answered with %q, %s", answer.Body, nameOf(answer.Outcome))
	}
}

// What asks for different things has different answers: every part of a query tells.
func TestEveryPartIsInTheKey(t *testing.T) {
	s := newScene(nil)
	version, stage, both := secret("a"), secret("a"), secret("a")
	version.VersionID = "x"
	stage.VersionStage = "x"
	both.VersionID, both.VersionStage = "x", "x"
	decrypted, selected := parameter("a"), parameter("a")
	decrypted.WithDecryption = true
	selected.Selector = "x"
	queries := []source.Query{
		secret("a"), version, stage, both, secret("ax"), parameter("a"), decrypted, selected, parameter("a:x"), parameter("A"),
	}
	for i, q := range queries {
		s.checkRead(t, q, cache.Miss, i+1)
	}
	for i, q := range queries {
		s.checkRead(t, q, cache.Hit, i+1)
	}
	for i, q := range s.stock.queries() {
		if q != queries[i] {
			t.Errorf("AWS was asked for %+v, want %+v", q, queries[i])
		}
	}
}

// The version of a secret meets by name and by ARN as the secret itself does, and no version answers for another.
func TestVersionsMeetByARN(t *testing.T) {
	s := newScene(nil)
	byName, byARN := secret("a"), secret(arnOf("a"))
	byName.VersionStage, byARN.VersionStage = "AWSPREVIOUS", "AWSPREVIOUS"
	s.checkRead(t, byName, cache.Miss, 1)
	s.checkRead(t, byARN, cache.Hit, 1)
	s.checkRead(t, secret("a"), cache.Miss, 2)
	s.checkRead(t, secret(arnOf("a")), cache.Hit, 2)
	s.checkRead(t, byARN, cache.Hit, 1)
}

// borrow makes a query of memory that is not its own.
func borrow(name []byte) source.Query { return secret(unsafe.String(&name[0], len(name))) }

// Of a query that was made of borrowed memory the cache keeps nothing, neither in its keys nor towards AWS.
func TestBorrowedQuery(t *testing.T) {
	s := newScene(nil)
	borrowed := []byte("aaaa")
	s.checkRead(t, borrow(borrowed), cache.Miss, 1)
	copy(borrowed, "bbbb")
	s.checkRead(t, borrow(borrowed), cache.Miss, 2)
	s.checkRead(t, secret("aaaa"), cache.Hit, 1)
	s.checkRead(t, secret("bbbb"), cache.Hit, 2)
	if asked := fmt.Sprint(s.stock.queries()[0].Name); asked != "aaaa" {
		t.Errorf("AWS was asked for %q", asked)
	}
}
