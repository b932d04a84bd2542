package source_test

import (
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"larder/extension/internal/awstest"
	"larder/extension/internal/source"
)

const secretARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf"

// A name is read in the function's region, an ARN in its own, of whichever partition.
func TestRegion(t *testing.T) {
	for q, want := range map[source.Query]string{
		secret("a"):           "eu-west-1",
		parameter("/a:3"):     "eu-west-1",
		secret("arn"):         "eu-west-1",
		secret("ARN:aws:x"):   "eu-west-1",
		secret("my-arn:aws:"): "eu-west-1",
		secret(secretARN):     "us-east-1",
		secret("arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:a"):          "cn-north-1",
		secret("arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:a:b"): "us-gov-west-1",
		parameter("arn:aws:ssm:ap-southeast-2:123456789012:parameter/prod/a"):         "ap-southeast-2",
		parameter("arn:aws:ssm:eu-central-1::parameter/aws/service/x"):                "eu-central-1",
		parameter("arn:aws:ssm:us-east-1:123456789012:parameter/a:3"):                 "us-east-1",
		parameter("/aws/reference/secretsmanager/" + secretARN):                       "eu-west-1",
	} {
		if got, err := q.Region("eu-west-1"); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", q.Name, got, err, want)
		}
	}
}

// An ARN that no region of this service could answer is refused without a call, and so is a name where no region
// is known.
func TestNoRegion(t *testing.T) {
	aws := mustStart(t)
	s := mustConnect(t, aws, nil)
	for _, q := range []source.Query{
		secret("arn:"), secret("arn:aws"), secret("arn:aws:secretsmanager:eu-west-1:123456789012"),
		secret("arn:aws:secretsmanager:eu-west-1:123456789012:"), secret("arn:aws:secretsmanager::123456789012:secret:a"),
		secret("arn:aws:ssm:eu-west-1:123456789012:parameter/a"), parameter(secretARN), secret("arn:aws:s3:::bucket"),
		secret("arn:aws:SecretsManager:eu-west-1:123456789012:secret:a"),
		secret("arn:aws:secretsmanager:evil.example/x:123456789012:secret:a"),
		secret("arn:aws:secretsmanager:EU-WEST-1:123456789012:secret:a"),
		secret("arn:aws:secretsmanager:eu-west-1#:123456789012:secret:a"),
		secret("arn:aws:secretsmanager:" + strings.Repeat("x", 33) + ":123456789012:secret:a"),
	} {
		if got := mustFail(t, s, q); got.Class != source.Invalid || got.Code != "InvalidARN" {
			t.Errorf("%s: %v", q.Name, got)
		}
	}
	nowhere := mustConnect(t, aws, func(cfg *source.Config) { cfg.Region = "" })
	for _, q := range both("a") {
		if got := mustFail(t, nowhere, q); got.Class != source.Invalid || got.Code != "MissingRegion" || !strings.Contains(got.Message, "AWS_REGION") {
			t.Errorf("%v", got)
		}
	}
	if calls := aws.Counts.Of(""); calls > 0 {
		t.Errorf("%d calls", calls)
	}
}

// Calls are signed for the region of what they read, and one by ARN needs no other region.
func TestCallsGoToTheRegion(t *testing.T) {
	aws := mustStart(t)
	far := aws.Secrets.Put(awstest.Secret{Name: "far", String: canary, Region: "ap-south-1"})
	aws.Parameters.Put(awstest.Parameter{Name: "far", Value: canary, Region: "cn-north-1"})
	s := mustConnect(t, aws, nil)
	nowhere := mustConnect(t, aws, func(cfg *source.Config) { cfg.Region = "" })
	for q, region := range map[source.Query]string{
		secret("a"): "eu-west-1", parameter("a"): "eu-west-1",
		secret(far): "ap-south-1", parameter(aws.Parameters.ARN("far")): "cn-north-1",
	} {
		mustRead(t, s, q)
		if got := aws.Counts.Last(); got.Region != region || string(got.Service) != q.Service.String() {
			t.Errorf("%s: signed for %s in %s, want %s", q.Name, got.Service, got.Region, region)
		}
		if strings.HasPrefix(q.Name, "arn:") {
			mustRead(t, nowhere, q)
		}
	}
}

// Each region's client is made by the first read that needs it, once, though many come at one time.
func TestClientsAreMadeOnce(t *testing.T) {
	var mu sync.Mutex
	made := make(map[string]int)
	in := source.NewClients("eu-west-1", func(region string) *int {
		mu.Lock()
		defer mu.Unlock()
		made[region]++
		return new(int)
	})
	if len(made) > 0 {
		t.Errorf("made before a read: %v", made)
	}
	queries := []source.Query{secret("a"), secret("b"), secret(secretARN)}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for _, q := range queries {
				if client, err := in(q); err != nil || client == nil {
					t.Errorf("got %v, %v", client, err)
				}
			}
		})
	}
	all.Wait()
	if len(made) != 2 || made["eu-west-1"] != 1 || made["us-east-1"] != 1 {
		t.Errorf("made: %v", made)
	}
	own, _ := in(secret("a"))
	other, _ := in(secret(secretARN))
	if again, _ := in(secret("b")); own != again || own == other {
		t.Error("a region has not its own client")
	}
	if _, err := in(secret("arn:")); err == nil || len(made) != 2 {
		t.Errorf("got %v, made: %v", err, made)
	}
}

// A query's memory may be used for another after the read: the client of a region is still found.
func TestClientsKeepNoBorrowedRegion(t *testing.T) {
	made := 0
	in := source.NewClients("eu-west-1", func(string) *int { made++; return new(int) })
	name := []byte(secretARN)
	first, _ := in(secret(unsafe.String(&name[0], len(name))))
	copy(name, strings.ReplaceAll(secretARN, "us-east-1", "us-west-2"))
	second, _ := in(secret(unsafe.String(&name[0], len(name))))
	again, _ := in(secret(secretARN))
	if first == second || first != again || made != 2 {
		t.Errorf("%d clients made, the first found again: %t", made, first == again)
	}
}

var regionForm = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// Whatever stands in a name, the region is one that can stand in a host name, and it is the ARN's own.
func FuzzARN(f *testing.F) {
	for _, seed := range []string{
		secretARN, "arn:", "a", "", "arn:aws:ssm:eu-west-1:123456789012:parameter/a:3", "arn:aws:secretsmanager:x y:::",
		"arn:aws:secretsmanager:evil.example/#:1:secret:a", "arn:aws:secretsmanager:\xff:1:secret:a", "arn::::::::",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for _, q := range both(name) {
			region, err := q.Region("eu-west-1")
			if err != nil {
				var failed *source.Error
				if !errors.As(err, &failed) || failed.Class != source.Invalid || !strings.HasPrefix(name, "arn:") {
					t.Errorf("%q: %v", name, err)
				}
				continue
			}
			if !regionForm.MatchString(region) {
				t.Errorf("%q: the region is %q", name, region)
			}
			if !strings.HasPrefix(name, "arn:") {
				if region != "eu-west-1" {
					t.Errorf("%q: the region is %q", name, region)
				}
				continue
			}
			if parts := strings.SplitN(name, ":", 6); len(parts) != 6 || parts[2] != q.Service.String() || parts[3] != region || parts[5] == "" {
				t.Errorf("%q is taken for one of %s in %s", name, q.Service, region)
			}
		}
	})
}
