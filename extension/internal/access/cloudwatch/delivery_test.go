package cloudwatch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"larder/extension/internal/access/cloudwatch"
	"larder/extension/internal/awstest"
)

const (
	group    = "/larder/access"
	patience = 15 * time.Second
)

// scene is a delivery that runs, in front of a pretended AWS.
type scene struct {
	*cloudwatch.Delivery
	aws *awstest.Server
	end func() // waits until Run has ended

	mu      sync.Mutex
	changes []string
}

func newScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{aws: awstest.MustStart(t, awstest.Options{})}
	s.aws.Logs.PutGroup(group)
	s.start(t)
	return s
}

func (s *scene) start(t *testing.T) {
	t.Helper()
	keys := s.aws.Credentials.Keys()
	s.Delivery = cloudwatch.New(cloudwatch.Config{
		Group: group, Stream: "function/7", Region: "eu-west-1", Endpoint: s.aws.URL(),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretAccessKey, SessionToken: keys.SessionToken}, nil
		}),
		Changed: func(operation, code string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.changes = append(s.changes, operation+" "+code)
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		s.Run(ctx)
		close(ended)
	}()
	s.end = func() {
		t.Helper()
		cancel()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Fatal("the delivery does not end")
		}
	}
	t.Cleanup(s.end)
}

func (s *scene) add(from, to int) {
	for i := from; i < to; i++ {
		s.Add(time.Now(), fmt.Appendf(nil, "{\"n\":%d}\n", i))
	}
}

func (s *scene) mustFlush(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.Flush(ctx)
	if ctx.Err() != nil {
		t.Fatal("the flush does not end")
	}
}

func (s *scene) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.changes)
}

func (s *scene) checkTold(t *testing.T, want ...string) {
	t.Helper()
	if got := s.told(); !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
}

// checkDelivered proves that each line from 0 to n is there once, in its order.
func (s *scene) checkDelivered(t *testing.T, n int) {
	t.Helper()
	events := s.aws.Logs.Events(group)
	for i, event := range events {
		if event.Message != fmt.Sprintf(`{"n":%d}`, i) {
			t.Fatalf("line %d of %d is %s", i, len(events), event.Message)
		}
	}
	if len(events) != n {
		t.Fatalf("%d lines were delivered, want %d", len(events), n)
	}
}

// delivered counts the lines that are there, and those that are told to be missing.
func (s *scene) delivered(t *testing.T) (lines, dropped int) {
	t.Helper()
	for _, event := range s.aws.Logs.Events(group) {
		var line struct {
			Type    string
			Dropped int
		}
		if strings.HasPrefix(event.Message, "{") {
			if err := json.Unmarshal([]byte(event.Message), &line); err != nil {
				t.Fatal(err)
			}
		}
		if line.Type == "larder.dropped" {
			dropped += line.Dropped
		} else {
			lines++
		}
	}
	return lines, dropped
}

func mustWait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// A flush delivers what is there, in one call and in one stream; a second one makes no call.
func TestFlush(t *testing.T) {
	s := newScene(t)
	s.add(0, 100)
	s.mustFlush(t)
	s.mustFlush(t)
	s.checkDelivered(t, 100)
	if n := s.aws.Counts.Of(awstest.PutLogEvents); n != 1 {
		t.Errorf("%d calls", n)
	}
	s.add(100, 101)
	s.mustFlush(t)
	s.checkDelivered(t, 101)
	if streams := s.aws.Logs.Streams(group); len(streams) != 1 || !strings.HasPrefix(streams[0], "function/7/") || len(streams[0]) < len("function/7/")+12 {
		t.Errorf("streams are %q", streams)
	}
	s.checkTold(t)
}

// Without a flush lines are delivered by themselves, about a second later and together.
func TestDeliversByItself(t *testing.T) {
	s := newScene(t)
	s.add(0, 10)
	mustWait(t, "the delivery", func() bool { return len(s.aws.Logs.Events(group)) == 10 })
	if n := s.aws.Counts.Of(awstest.PutLogEvents); n != 1 {
		t.Errorf("%d calls", n)
	}
}

// Nothing waits for a flush or for the second to pass when the end comes.
func TestEndDelivers(t *testing.T) {
	s := newScene(t)
	s.add(0, 10)
	s.end()
	s.checkDelivered(t, 10)
}

// A hundred thousand lines of two writers are delivered once each, while flushes come and go. The pretended
// CloudWatch checks each call against the API's limits.
func TestManyLines(t *testing.T) {
	s := newScene(t)
	const n = 100_000
	for i := 0; i < n; i += 1000 {
		s.add(i, i+1000)
		if i%5000 == 0 {
			s.mustFlush(t)
		}
	}
	s.mustFlush(t)
	s.checkDelivered(t, n)
	s.checkTold(t)
}

// One call never holds more than the API takes: not in bytes, not in events, not in time.
func TestLimitsOfACall(t *testing.T) {
	for name, add := range map[string]func(*scene) int{
		"events": func(s *scene) int {
			for range 25_000 {
				s.Add(time.Now(), []byte("{}\n"))
			}
			return 25_000
		},
		"bytes": func(s *scene) int {
			line := []byte(strings.Repeat("x", 2000) + "\n")
			for range 500 {
				s.Add(time.Now(), line)
			}
			return 500
		},
		"time": func(s *scene) int {
			for hours := range 100 {
				s.Add(time.Now().Add(-time.Duration(100-hours)*time.Hour), []byte("{}\n"))
			}
			return 100
		},
		"order": func(s *scene) int {
			for i := range 100 {
				s.Add(time.Now().Add(-time.Duration(i%7)*time.Second), []byte("{}\n"))
			}
			return 100
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			n := add(s)
			s.mustFlush(t)
			if got := len(s.aws.Logs.Events(group)); got != n {
				t.Errorf("%d lines were delivered, want %d", got, n)
			}
			s.checkTold(t)
		})
	}
}

// A group that is missing is made, if the role may do so; if not, the log says what it needs, once, and lines are
// delivered when it has it.
func TestMissingGroup(t *testing.T) {
	s := &scene{aws: awstest.MustStart(t, awstest.Options{})}
	s.start(t)
	s.add(0, 1)
	s.mustFlush(t)
	s.checkDelivered(t, 1)

	s = &scene{aws: awstest.MustStart(t, awstest.Options{})}
	s.aws.Logs.Deny(awstest.CreateLogGroup)
	s.start(t)
	s.add(0, 1)
	s.mustFlush(t)
	s.mustFlush(t)
	s.checkTold(t, "CreateLogGroup AccessDeniedException")
}

// What fails for a while is tried again, and nothing is lost or doubled; the change is told once each way. A flush does
// not wait for it.
func TestFailuresThatPass(t *testing.T) {
	for name, row := range map[string]struct {
		fault awstest.Fault
		code  string
	}{
		"throttled":   {awstest.Throttled(), "ThrottlingException"},
		"unavailable": {awstest.Unavailable(), "HTTP503"},
		"reset":       {awstest.Reset(), "NoConnection"},
		"expired":     {awstest.ExpiredToken(), "ExpiredTokenException"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.add(0, 10)
			s.mustFlush(t)
			s.aws.Faults.Add(awstest.Rule{Operation: awstest.PutLogEvents, Fault: row.fault})
			s.add(10, 20)
			s.mustFlush(t)
			s.add(20, 30)
			s.mustFlush(t)
			s.checkDelivered(t, 10)
			s.checkTold(t, "PutLogEvents "+row.code)
			s.aws.Faults.Clear()
			if row.code == "ExpiredTokenException" {
				return // it is tried again, but not for a while
			}
			mustWait(t, "the delivery", func() bool { return len(s.aws.Logs.Events(group)) == 30 })
			mustWait(t, "the change to be told", func() bool { return len(s.told()) == 2 })
			s.checkDelivered(t, 30)
			s.checkTold(t, "PutLogEvents "+row.code, " ")
		})
	}
}

// A call that hangs holds up neither Add, nor a flush beyond its time, nor the end.
func TestHang(t *testing.T) {
	s := newScene(t)
	s.aws.Faults.All(awstest.Hang())
	s.add(0, 10)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	s.Flush(ctx)
	if ctx.Err() == nil {
		t.Error("the flush ended by itself")
	}
	s.add(10, 1000)
	begin := time.Now()
	s.end()
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("the end took %v", took)
	}
}

// While nothing is taken four megabytes wait at most: the oldest lines go, and it is said how many.
func TestFullQueue(t *testing.T) {
	s := newScene(t)
	s.aws.Faults.All(awstest.Throttled())
	const n, size = 8000, 1000
	for i := range n {
		s.Add(time.Now(), fmt.Appendf(nil, "%08d%s\n", i, strings.Repeat("x", size-9)))
	}
	s.mustFlush(t)
	s.aws.Faults.Clear()
	mustWait(t, "the delivery", func() bool {
		events := s.aws.Logs.Events(group)
		return len(events) > 0 && strings.HasPrefix(events[len(events)-1].Message, fmt.Sprintf("%08d", n-1))
	})
	lines, dropped := s.delivered(t)
	if lines+dropped != n || dropped < n/4 || lines < 3900 {
		t.Errorf("%d lines were delivered and %d dropped, of %d", lines, dropped, n)
	}
}

// Lines that CloudWatch refuses for their time are counted as missing, and the others are there.
func TestRejectedLines(t *testing.T) {
	s := newScene(t)
	now := time.Now()
	for _, at := range []time.Time{now.AddDate(0, 0, -20), now.AddDate(0, 0, -19)} {
		s.Add(at, []byte("{\"old\":1}\n"))
	}
	s.Add(now, []byte("{\"n\":1}\n"))
	s.Add(now.Add(3*time.Hour), []byte("{\"new\":1}\n"))
	s.mustFlush(t)
	s.Add(now, []byte("{\"n\":2}\n"))
	s.mustFlush(t)
	if lines, dropped := s.delivered(t); lines != 2 || dropped != 3 {
		t.Errorf("%d lines were delivered and %d counted as dropped: %v", lines, dropped, s.aws.Logs.Events(group))
	}
}

// A stream that somebody removed is made again.
func TestRemovedStream(t *testing.T) {
	s := newScene(t)
	s.add(0, 1)
	s.mustFlush(t)
	s.aws.Logs.DeleteStreams(group)
	s.Add(time.Now(), []byte("{\"n\":0}\n"))
	s.mustFlush(t)
	mustWait(t, "the delivery", func() bool { return len(s.aws.Logs.Events(group)) == 1 })
}

// After a restart another stream takes the lines: two clones of a snapshot do not share one.
func TestRestart(t *testing.T) {
	s := newScene(t)
	s.add(0, 1)
	s.mustFlush(t)
	s.Restart()
	s.add(1, 2)
	s.mustFlush(t)
	if streams := s.aws.Logs.Streams(group); len(streams) != 2 {
		t.Errorf("streams are %q", streams)
	}
}

// The endpoints are those of AWS's partitions.
func TestEndpoint(t *testing.T) {
	for _, row := range []struct {
		region          string
		fips, dualStack bool
		want            string
	}{
		{"eu-west-1", false, false, "https://logs.eu-west-1.amazonaws.com"},
		{"us-east-1", true, false, "https://logs-fips.us-east-1.amazonaws.com"},
		{"eu-west-1", false, true, "https://logs.eu-west-1.api.aws"},
		{"cn-north-1", false, false, "https://logs.cn-north-1.amazonaws.com.cn"},
		{"cn-north-1", false, true, "https://logs.cn-north-1.api.amazonwebservices.com.cn"},
		{"us-gov-west-1", true, true, "https://logs-fips.us-gov-west-1.api.aws"},
		{"us-iso-east-1", false, false, "https://logs.us-iso-east-1.c2s.ic.gov"},
		{"us-isob-east-1", false, false, "https://logs.us-isob-east-1.sc2s.sgov.gov"},
		{"eusc-de-east-1", false, false, "https://logs.eusc-de-east-1.amazonaws.eu"},
		{"us-gov-west-1", true, false, "https://logs.us-gov-west-1.amazonaws.com"},
	} {
		if got := cloudwatch.Endpoint(row.region, row.fips, row.dualStack); got != row.want {
			t.Errorf("%s: got %s, want %s", row.region, got, row.want)
		}
	}
}
