package awstest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"larder/extension/internal/awstest"
)

// mustCallLogs makes a call of CloudWatch Logs by hand: no client of AWS's for it is linked into this module. It
// returns the status and the answer's members.
func mustCallLogs(t *testing.T, s *awstest.Server, operation awstest.Operation, input map[string]any) (status int, answer map[string]any) {
	t.Helper()
	body, err := json.Marshal(input)
	mustSucceed(t, err)
	request, err := http.NewRequestWithContext(testContext(t), http.MethodPost, s.URL(), bytes.NewReader(body))
	mustSucceed(t, err)
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Target", "Logs_20140328."+string(operation))
	keys, err := staticKeys(s).Retrieve(testContext(t))
	mustSucceed(t, err)
	hash := sha256.Sum256(body)
	mustSucceed(t, v4.NewSigner().SignHTTP(testContext(t), keys, request, hex.EncodeToString(hash[:]), "logs", "eu-west-1", time.Now()))
	response, err := http.DefaultClient.Do(request)
	mustSucceed(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	mustSucceed(t, err)
	if json.Unmarshal(text, &answer) != nil {
		answer = map[string]any{"text": string(text)}
	}
	return response.StatusCode, answer
}

type events = []map[string]any

func event(at time.Time, message string) map[string]any {
	return map[string]any{"timestamp": at.UnixMilli(), "message": message}
}

func put(stream string, sent events) map[string]any {
	return map[string]any{"logGroupName": "group", "logStreamName": stream, "logEvents": sent}
}

// startWithStream is an account with a group and a stream in it.
func startWithStream(t *testing.T) *awstest.Server {
	t.Helper()
	s := awstest.MustStart(t, awstest.Options{})
	s.Logs.PutGroup("group")
	checkLogs(t, s, awstest.CreateLogStream, map[string]any{"logGroupName": "group", "logStreamName": "stream"}, "")
	return s
}

// checkLogs makes a call and checks the error's code; an empty one is success.
func checkLogs(t *testing.T, s *awstest.Server, operation awstest.Operation, input map[string]any, code string) map[string]any {
	t.Helper()
	status, answer := mustCallLogs(t, s, operation, input)
	got, _ := answer["__type"].(string)
	if _, after, found := strings.Cut(got, "#"); found {
		got = after
	}
	if got != code || (status == http.StatusOK) != (code == "") {
		t.Errorf("%s: status %d, %v, want %q", operation, status, answer, code)
	}
	return answer
}

// Groups and streams are made once, and lines go to streams that are there.
func TestLogGroupsAndStreams(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	group := map[string]any{"logGroupName": "group"}
	stream := map[string]any{"logGroupName": "group", "logStreamName": "stream"}
	lines := put("stream", events{event(time.Now(), "a")})
	checkLogs(t, s, awstest.CreateLogStream, stream, "ResourceNotFoundException")
	checkLogs(t, s, awstest.PutLogEvents, lines, "ResourceNotFoundException")
	checkLogs(t, s, awstest.CreateLogGroup, group, "")
	checkLogs(t, s, awstest.CreateLogGroup, group, "ResourceAlreadyExistsException")
	checkLogs(t, s, awstest.PutLogEvents, lines, "ResourceNotFoundException")
	checkLogs(t, s, awstest.CreateLogStream, stream, "")
	checkLogs(t, s, awstest.CreateLogStream, stream, "ResourceAlreadyExistsException")
	checkLogs(t, s, awstest.PutLogEvents, lines, "")
	checkLogs(t, s, awstest.CreateLogStream, map[string]any{"logGroupName": "group", "logStreamName": "another"}, "")
	if got := s.Logs.Streams("group"); !slices.Equal(got, []string{"another", "stream"}) {
		t.Errorf("streams are %q", got)
	}
	checkEqual(t, "lines", len(s.Logs.Events("group")), 1)
	checkEqual(t, "calls", s.Counts.Of(awstest.PutLogEvents), 3)
	checkEqual(t, "calls for the group", s.Counts.OfName(awstest.CreateLogGroup, "group"), 2)
	checkEqual(t, "the service", s.Counts.Last().Service, awstest.CloudWatchLogs)
	s.Logs.DeleteStreams("group")
	checkLogs(t, s, awstest.PutLogEvents, lines, "ResourceNotFoundException")
	checkEqual(t, "lines", len(s.Logs.Events("group")), 0)
}

// A call is refused as a whole if it breaks one of the API's limits, and nothing of it is stored.
func TestLimitsOfPutLogEvents(t *testing.T) {
	s := startWithStream(t)
	now := time.Now()
	of := func(n int, message string) events { return slices.Repeat(events{event(now, message)}, n) }
	const most, extra = 1_048_576, 26
	for name, row := range map[string]struct {
		sent  events
		taken bool
	}{
		"none":              {events{}, false},
		"one":               {of(1, "a"), true},
		"the most":          {of(10_000, "a"), true},
		"one too many":      {of(10_001, "a"), false},
		"an empty one":      {of(1, ""), false},
		"the longest":       {of(1, strings.Repeat("x", most-extra)), true},
		"a byte too long":   {of(1, strings.Repeat("x", most-extra+1)), false},
		"many bytes":        {of(4, strings.Repeat("x", most/4-extra)), true},
		"too many bytes":    {of(4, strings.Repeat("x", most/4-extra+1)), false},
		"in bytes of UTF-8": {of(2, strings.Repeat("ü", most/4)), false},
		"in order":          {events{event(now, "a"), event(now, "b"), event(now.Add(time.Second), "c")}, true},
		"out of order":      {events{event(now, "a"), event(now.Add(-time.Second), "b")}, false},
		"a day":             {events{event(now.Add(-24*time.Hour), "a"), event(now, "b")}, true},
		"more than a day":   {events{event(now.Add(-24*time.Hour-time.Second), "a"), event(now, "b")}, false},
	} {
		before, code := len(s.Logs.Events("group")), "InvalidParameterException"
		want := before
		if row.taken {
			code, want = "", before+len(row.sent)
		}
		t.Run(name, func(t *testing.T) {
			checkLogs(t, s, awstest.PutLogEvents, put("stream", row.sent), code)
			checkEqual(t, "lines", len(s.Logs.Events("group")), want)
		})
	}
}

// Lines that are too old or too new are left out, and the answer says which, as AWS's indexes do: the end of the old
// ones is exclusive, the start of the new ones inclusive.
func TestRejectedLogEvents(t *testing.T) {
	s := startWithStream(t)
	now := time.Now()
	info := func(sent ...map[string]any) map[string]any {
		t.Helper()
		rejected, _ := checkLogs(t, s, awstest.PutLogEvents, put("stream", sent), "")["rejectedLogEventsInfo"].(map[string]any)
		return rejected
	}
	if got := info(event(now, "kept")); got != nil {
		t.Errorf("got %v", got)
	}
	old := now.AddDate(0, 0, -15)
	if got := info(event(old, "a"), event(old, "b")); len(got) != 1 || got["tooOldLogEventEndIndex"] != 2.0 {
		t.Errorf("got %v", got)
	}
	if got := info(event(now, "kept"), event(now.Add(3*time.Hour), "a"), event(now.Add(4*time.Hour), "b")); len(got) != 1 || got["tooNewLogEventStartIndex"] != 1.0 {
		t.Errorf("got %v", got)
	}
	for _, got := range s.Logs.Events("group") {
		checkEqual(t, "a line", got.Message, "kept")
	}
	checkEqual(t, "lines", len(s.Logs.Events("group")), 2)
}

// What the role may not do is refused in IAM's words, until it may again; the other operations are not touched.
func TestLogsDenied(t *testing.T) {
	s := startWithStream(t)
	lines := put("stream", events{event(time.Now(), "a")})
	s.Logs.Deny(awstest.PutLogEvents)
	const sentence = "is not authorized to perform: logs:PutLogEvents on resource: " +
		"arn:aws:logs:eu-west-1:123456789012:log-group:group:log-stream:stream"
	if answer := checkLogs(t, s, awstest.PutLogEvents, lines, "AccessDeniedException"); !strings.Contains(fmt.Sprint(answer), sentence) {
		t.Errorf("got %v", answer)
	}
	checkLogs(t, s, awstest.CreateLogGroup, map[string]any{"logGroupName": "other"}, "")
	checkEqual(t, "lines", len(s.Logs.Events("group")), 0)
	s.Logs.Allow(awstest.PutLogEvents)
	checkLogs(t, s, awstest.PutLogEvents, lines, "")
	checkEqual(t, "lines", len(s.Logs.Events("group")), 1)
}

// A call that fails stores nothing.
func TestFaultsOfLogs(t *testing.T) {
	s := startWithStream(t)
	lines := put("stream", events{event(time.Now(), "a")})
	s.Faults.Next(1, awstest.Throttled())
	checkLogs(t, s, awstest.PutLogEvents, lines, "ThrottlingException")
	s.Faults.Next(1, awstest.Unavailable())
	if status, _ := mustCallLogs(t, s, awstest.PutLogEvents, lines); status != http.StatusServiceUnavailable {
		t.Errorf("status %d", status)
	}
	checkEqual(t, "lines", len(s.Logs.Events("group")), 0)
	checkLogs(t, s, awstest.PutLogEvents, lines, "")
	checkEqual(t, "lines", len(s.Logs.Events("group")), 1)
}
