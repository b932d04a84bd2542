package source_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"

	"larder/extension/internal/awstest"
	"larder/extension/internal/source"
)

// mustFetch is the source in front of a pretended AWS that accepts only the keys that its endpoint hands out now.
func mustFetch(t *testing.T, aws *awstest.Server, cfg source.CredentialsConfig) *source.Services {
	t.Helper()
	aws.Credentials.Enforce(true)
	return mustConnect(t, aws, func(c *source.Config) { c.Credentials = source.NewCredentials(container(aws, cfg)) })
}

func checkFetches(t *testing.T, aws *awstest.Server, least, most int) {
	t.Helper()
	if served, refused := aws.Credentials.Fetches(); served < least || served > most || refused > 0 {
		t.Errorf("credentials were fetched %d times and refused %d times, want %d to %d", served, refused, least, most)
	}
}

var rotated = awstest.Keys{AccessKeyID: "ASIAROTATED", SecretAccessKey: canary, SessionToken: "rotated-" + canary}

// Keys of the environment that AWS refuses give way to the endpoint, for good: the read goes well, and the next is
// not even tried with them.
func TestRefusedKeysGiveWay(t *testing.T) {
	for _, fault := range []awstest.Fault{awstest.ExpiredToken(), awstest.UnrecognizedClient()} {
		aws := mustStart(t)
		aws.Faults.Next(1, fault)
		s := mustFetch(t, aws, environmentKeys)
		mustRead(t, s, secret("a"))
		mustRead(t, s, parameter("a"))
		s.Reset()
		mustRead(t, s, secret("a"))
		made := aws.Counts.Calls()
		if len(made) != 4 || made[0].AccessKeyID != environmentKeys.AccessKeyID {
			t.Fatalf("%d calls, the first signed with %s", len(made), made[0].AccessKeyID)
		}
		for _, call := range made[1:] {
			if call.AccessKeyID != aws.Credentials.Keys().AccessKeyID || call.SessionToken != aws.Credentials.Keys().SessionToken {
				t.Errorf("signed with %s", call.AccessKeyID)
			}
		}
		checkFetches(t, aws, 2, 2) // one more after the reset
	}
}

// Many reads of which the credentials are refused at one time fetch others together, not each for itself.
func TestManyRefusedReads(t *testing.T) {
	for name, cfg := range map[string]source.CredentialsConfig{"keys": environmentKeys, "fetched": {}} {
		for _, batch := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				aws := mustStart(t)
				aws.Credentials.Enforce(true)
				s := mustConnect(t, aws, func(c *source.Config) {
					c.Credentials = source.NewCredentials(container(aws, cfg))
					c.Batch = batch
				})
				first := 0
				if name == "fetched" {
					mustRead(t, s, secret("a"))
					aws.Credentials.SetKeys(rotated)
					first = 1
				}
				release := aws.Faults.Hold("")
				var all sync.WaitGroup
				for _, q := range append(fill(aws, source.SecretsManager, 30), fill(aws, source.ParameterStore, 30)...) {
					all.Go(func() {
						if got := read(s, q); got.err != nil {
							t.Error(got.err)
						}
					})
				}
				aws.Counts.MustWaitInFlight(t, awstest.SecretsManager, 1)
				release()
				all.Wait()
				checkFetches(t, aws, first+1, first+2)
			})
		}
	}
}

func mustRetrieve(t *testing.T, credentials *source.Credentials) sdk.Credentials {
	t.Helper()
	current, err := credentials.Retrieve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return current
}

// Credentials are fetched anew for the first call that they are refused to. Another that began before that was signed
// with the old ones and says nothing of the new.
func TestRefusedOfLongAgo(t *testing.T) {
	aws := mustStart(t)
	credentials := source.NewCredentials(container(aws, source.CredentialsConfig{}))
	begin := time.Now()
	for range 5 {
		if !credentials.Refused(begin) || mustRetrieve(t, credentials).SessionToken != aws.Credentials.Keys().SessionToken {
			t.Error("no credentials")
		}
	}
	checkFetches(t, aws, 1, 1)
	credentials.Refused(time.Now())
	mustRetrieve(t, credentials)
	checkFetches(t, aws, 2, 2)
}

// However often credentials are replaced, those that are refused are fetched anew.
func TestRefusedTimeAndAgain(t *testing.T) {
	aws := mustStart(t)
	s := mustFetch(t, aws, source.CredentialsConfig{})
	for i := range 4 {
		keys := rotated
		keys.AccessKeyID += fmt.Sprint(i)
		aws.Credentials.SetKeys(keys)
		for _, q := range both("a") {
			mustRead(t, s, q)
		}
		checkFetches(t, aws, i+1, i+1)
	}
}

// A call may itself fetch the credentials that AWS refuses to it: those are not taken for new ones.
func TestRefusedAtOnce(t *testing.T) {
	aws := mustStart(t)
	s := mustFetch(t, aws, source.CredentialsConfig{})
	release := aws.Faults.Hold("")
	got := make(chan answer)
	go func() { got <- read(s, secret("a")) }()
	aws.Counts.MustWaitInFlight(t, "", 1)
	aws.Credentials.SetKeys(rotated)
	release()
	if got := <-got; got.err != nil {
		t.Error(got.err)
	}
	checkFetches(t, aws, 2, 2)
}

// Credentials that have expired, with nothing to replace them, are told in a plain sentence; and an endpoint that
// gives none after the keys were refused is told as that.
func TestExpiryIsTold(t *testing.T) {
	aws := mustStart(t)
	aws.Faults.All(awstest.ExpiredToken())
	for _, q := range both("a") {
		keys := mustConnect(t, aws, func(c *source.Config) { c.Credentials = source.NewCredentials(environmentKeys) })
		if got := mustFail(t, keys, q); got.Message != "the credentials have expired, and the platform has not renewed them" {
			t.Error(got)
		}
		aws.Credentials.Fail(-1, awstest.Raw(500, "text/plain", canary))
		if got := mustFail(t, mustFetch(t, aws, environmentKeys), q); got.Code != "NoCredentials" ||
			!strings.Contains(got.Message, "AWS_CONTAINER_CREDENTIALS_FULL_URI") {
			t.Error(got)
		}
		aws.Credentials.Fail(0, awstest.Fault{})
	}
}
