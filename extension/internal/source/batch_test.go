package source_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/source"
)

// batching lets reads go together, over one connection: all that come while it is in use wait for one another.
func batching(cfg *source.Config) {
	cfg.Batch = true
	cfg.MaxConnections = 1
}

// answer is what one read got.
type answer struct {
	query source.Query
	value source.Value
	err   *source.Error
}

func read(s *source.Services, q source.Query) answer {
	value, err := s.Read(context.Background(), q)
	failed, _ := err.(*source.Error)
	return answer{q, value, failed}
}

// mustHave waits until something holds that no channel tells of.
func mustHave(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for begin := time.Now(); !holds(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > awstest.Patience {
			t.Fatalf("there is no end of waiting for %s", what)
		}
	}
}

// together reads so that all of a service have to wait for its connections: these are in use by a read of "a" until
// all stand in the queue, in the order given. The counts are of the reads alone.
func together(t *testing.T, aws *awstest.Server, s *source.Services, queries ...source.Query) []answer {
	t.Helper()
	release := aws.Faults.Hold("")
	defer release()
	var holders sync.WaitGroup
	for _, service := range []source.Service{source.SecretsManager, source.ParameterStore} {
		holders.Go(func() { s.Read(context.Background(), source.Query{Service: service, Name: "a"}) })
	}
	aws.Counts.MustWaitInFlight(t, "", 2)
	aws.Counts.Reset()
	answers := make([]answer, len(queries))
	var all sync.WaitGroup
	for i, q := range queries {
		before := s.Waiting(q.Service)
		all.Go(func() { answers[i] = read(s, q) })
		mustHave(t, q.Name+" to wait", func() bool { return s.Waiting(q.Service) == before+1 })
	}
	release()
	all.Wait()
	holders.Wait()
	for _, service := range []source.Service{source.SecretsManager, source.ParameterStore} {
		mustHave(t, "all connections to be free", func() bool { return s.Busy(service) == 0 && s.Waiting(service) == 0 })
	}
	return answers
}

// calls are the names that each call of an operation asked for, in order.
func calls(aws *awstest.Server, operation awstest.Operation) [][]string {
	var names [][]string
	for _, call := range aws.Counts.Calls() {
		if call.Operation == operation {
			names = append(names, call.Names)
		}
	}
	return names
}

// checkSame compares what reads got together with what each gets by itself.
func checkSame(t *testing.T, aws *awstest.Server, answers []answer) {
	t.Helper()
	single := mustConnect(t, aws, nil)
	for _, got := range answers {
		want := read(single, got.query)
		switch {
		case got.err != nil && want.err != nil:
			if got.err.Class != want.err.Class || got.err.Code != want.err.Code || got.err.Message != want.err.Message ||
				got.err.Operation != want.err.Operation || got.err.Name != want.err.Name || got.err.RequestID == "" {
				t.Errorf("%+v:\ngot  %v\nwant %v", got.query, got.err, want.err)
			}
		case got.err != nil || want.err != nil:
			t.Errorf("%+v:\ngot  %v\nwant %v", got.query, got.err, want.err)
		case !bytes.Equal(got.value.Body, want.value.Body) || got.value.ARN != want.value.ARN ||
			got.value.VersionID != want.value.VersionID || len(got.value.Body) == 0:
			t.Errorf("%+v:\ngot  %s %s %s\nwant %s %s %s", got.query, got.value.Body, got.value.ARN, got.value.VersionID,
				want.value.Body, want.value.ARN, want.value.VersionID)
		}
	}
}

// Secrets that are read together are byte for byte those that are read one by one, by whichever name.
func TestSecretsTogether(t *testing.T) {
	aws := mustStart(t)
	created := time.Date(2024, 2, 3, 4, 5, 6, 789_000_000, time.UTC)
	aws.Secrets.Put(awstest.Secret{Name: "text", String: `{"<a>":"&   \"` + canary, Created: created})
	aws.Secrets.Put(awstest.Secret{Name: "bytes", Binary: []byte{0, 1, 254, 255}, Created: created.Add(time.Millisecond)})
	aws.Secrets.Put(awstest.Secret{Name: "empty", Binary: []byte{}})
	whole := aws.Secrets.PutString("prod/whole-arn", canary)
	part := aws.Secrets.PutString("part", canary)
	staged := aws.Secrets.Put(awstest.Secret{Name: "staged", String: "old"})
	aws.Secrets.Stage("staged", "CUSTOM", aws.Secrets.Rotate("staged", "new"))
	far := aws.Secrets.Put(awstest.Secret{Name: "far", String: canary, Region: "us-east-1"})
	farther := aws.Secrets.Put(awstest.Secret{Name: "farther", String: canary, Region: "us-east-1"})
	answers := together(t, aws, mustConnect(t, aws, batching),
		secret("text"), secret("bytes"), secret("empty"), secret(whole), secret(part[:len(part)-len("-AbCdEf")]),
		secret("staged"), secret(staged), secret(far), secret(farther))
	checkBatches(t, aws, awstest.BatchGetSecretValue, 7, 2)
	checkSame(t, aws, answers)
}

// Parameters that are read together are byte for byte those that are read one by one, with and without decryption and
// whichever their type, version and label are.
func TestParametersTogether(t *testing.T) {
	aws := mustStart(t)
	modified := time.Date(2024, 2, 3, 4, 5, 6, 789_000_000, time.UTC)
	aws.Parameters.Put(awstest.Parameter{Name: "/prod/text", Value: `<a>&"` + canary, Modified: modified})
	aws.Parameters.Put(awstest.Parameter{Name: "list", Value: "a,b", Type: awstest.StringList, Modified: modified.Truncate(time.Second)})
	aws.Parameters.Put(awstest.Parameter{Name: "image", Value: "ami-1", DataType: "aws:ec2:image"})
	aws.Parameters.PutString("/aws/service/public", canary)
	aws.Parameters.PutSecure("secure", canary)
	aws.Parameters.PutSecure("other", canary)
	for i := range 3 {
		aws.Parameters.PutString("many", fmt.Sprint(i))
		aws.Parameters.PutString("labelled", fmt.Sprint(i))
		aws.Parameters.PutString("versioned", fmt.Sprint(i))
	}
	aws.Parameters.Label("labelled", "Dev", 2)
	version, label := parameter("many"), parameter("labelled")
	version.Selector, label.Selector = "2", "Dev"
	plain, other := parameter("secure"), parameter("other")
	plain.WithDecryption, other.WithDecryption = true, true
	answers := together(t, aws, mustConnect(t, aws, batching),
		parameter("/prod/text"), parameter("list"), parameter("image"), parameter("/aws/service/public"), version, label,
		parameter("versioned:1"), parameter("secure"), plain, other)
	checkBatches(t, aws, awstest.GetParameters, 8, 2)
	checkSame(t, aws, answers)
}

// checkBatches compares how many names each call of an operation asked for.
func checkBatches(t *testing.T, aws *awstest.Server, operation awstest.Operation, want ...int) {
	t.Helper()
	var got []int
	for _, names := range calls(aws, operation) {
		got = append(got, len(names))
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: the calls hold %v names, want %v: %q", operation, got, want, calls(aws, operation))
	}
}

// No call holds more names than the service takes, and one read that is left over goes by the operation of single
// reads.
func TestMostTogether(t *testing.T) {
	aws := mustStart(t)
	var queries []source.Query
	for i := range 31 {
		name := fmt.Sprintf("many-%d", i)
		aws.Secrets.PutString(name, canary)
		aws.Parameters.PutString(name, canary)
		queries = append(queries, both(name)...)
	}
	s := mustConnect(t, aws, batching)
	answers := together(t, aws, s, queries...)
	checkBatches(t, aws, awstest.BatchGetSecretValue, 20, 11)
	checkBatches(t, aws, awstest.GetParameters, 10, 10, 10)
	checkBatches(t, aws, awstest.GetSecretValue)
	checkBatches(t, aws, awstest.GetParameter, 1)
	checkSame(t, aws, answers)
}

// A read that is alone goes by the operation of single reads, and where batching is off, so does each.
func TestNoBatchOfOne(t *testing.T) {
	aws := mustStart(t)
	s := mustConnect(t, aws, batching)
	off := mustConnect(t, aws, func(cfg *source.Config) { cfg.MaxConnections = 1 })
	for _, q := range both("a") {
		mustRead(t, s, q)
	}
	aws.Secrets.PutString("b", canary)
	aws.Parameters.PutString("b", canary)
	together(t, aws, off, slices.Concat(both("a"), both("b"))...)
	if n := aws.Counts.Of(awstest.BatchGetSecretValue) + aws.Counts.Of(awstest.GetParameters); n > 0 {
		t.Errorf("%d calls for several", n)
	}
}

// A hundred reads that come at once, over three connections, are a handful of calls.
func TestColdStart(t *testing.T) {
	aws := mustStart(t)
	for i := range 100 {
		aws.Secrets.PutString(fmt.Sprint(i), canary)
		aws.Parameters.PutString(fmt.Sprint(i), canary)
	}
	for _, row := range []struct {
		service source.Service
		most    int
	}{{source.ParameterStore, 14}, {source.SecretsManager, 8}} {
		s := mustConnect(t, aws, func(cfg *source.Config) { cfg.Batch = true })
		aws.Counts.Reset()
		release := aws.Faults.Hold("")
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				if got := read(s, source.Query{Service: row.service, Name: fmt.Sprint(i)}); got.err != nil {
					t.Error(got.err)
				}
			})
		}
		mustHave(t, "all to have come", func() bool {
			under := 0
			for _, call := range aws.Counts.Calls() {
				under += len(call.Names)
			}
			return under+s.Waiting(row.service) == 100
		})
		release()
		all.Wait()
		if made := aws.Counts.Of(""); made > row.most || aws.Counts.MaxInFlight("") > 3 {
			t.Errorf("%s: %d calls, want %d at most", row.service, made, row.most)
		}
	}
}
