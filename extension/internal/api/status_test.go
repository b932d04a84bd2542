package api_test

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/extension/internal/access"
	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// Each class of error has the status that contract and README promise, and the record tells the same.
func TestStatusOfEveryClass(t *testing.T) {
	for class, row := range map[source.Class]struct {
		status  int
		outcome access.Outcome
	}{
		source.Invalid:         {400, access.Error},
		source.NotFound:        {400, access.Error},
		source.Denied:          {400, access.Denied},
		source.Throttled:       {503, access.Error},
		source.Failing:         {502, access.Error},
		source.Unreachable:     {503, access.Error},
		source.Unreadable:      {502, access.Error},
		source.Unauthenticated: {503, access.Error},
		source.TimedOut:        {504, access.Error},
		0:                      {500, access.Error},
		source.TimedOut + 1:    {500, access.Error},
	} {
		s := mustServe(t, defaults())
		s.reader.get = func(q source.Query, _ bool) (cache.Answer, error) {
			return cache.Answer{Outcome: cache.Miss, Upstream: 5 * time.Millisecond}, fmt.Errorf("wrapped: %w", &source.Error{
				Class: class, Operation: "GetSecretValue", Name: q.Name, Code: "TheCode", Message: "The message.", RequestID: "id-1",
			})
		}
		got := s.mustGet(t, target)
		const text = "an unexpected error occurred while executing request: GetSecretValue a: TheCode: The message. (request id id-1)"
		checkFailure(t, got, row.status, "TheCode", text)
		if !strings.HasPrefix(got.body, text) {
			t.Errorf("the sentence does not come first: %s", got.body)
		}
		if got.header.Get("Cache-Status") != "larder; fwd=miss" || got.header.Get("Age") != "" {
			t.Errorf("headers: %v", got.header)
		}
		record := s.recorder.mustLast(t, 1)
		if record.Status != row.status || record.Outcome != row.outcome || record.Error != "TheCode" ||
			record.Upstream <= 0 || record.Upstream > record.Duration || record.VersionID != "" {
			t.Errorf("the record is %+v", record)
		}
	}
}

// An error that is not of the source is a bug of Larder's, and its text stays inside.
func TestUnknownError(t *testing.T) {
	s := mustServe(t, defaults())
	s.reader.get = func(source.Query, bool) (cache.Answer, error) { return cache.Answer{}, errors.New("canary") }
	got := s.mustGet(t, target)
	checkFailure(t, got, 500, "InternalError", "bug")
	if strings.Contains(got.body, "canary") {
		t.Errorf("got %s", got.body)
	}
}

// What AWS, or the caller in a name, says in several lines is written in one, in the body as in the header.
func TestOneLine(t *testing.T) {
	s := mustServe(t, defaults())
	s.reader.get = func(source.Query, bool) (cache.Answer, error) {
		return cache.Answer{}, &source.Error{
			Class: source.Invalid, Operation: "GetSecretValue", Name: "a", Code: "Code\r\nSet-Cookie: x",
			Message: "one\r\ntwo\tthree\x00four\x7f\x1b[31m ümläut",
		}
	}
	got := s.mustGet(t, target)
	checkFailure(t, got, 400, "Code  Set-Cookie: x", "one  two three four  [31m ümläut")
	if got.header.Get("Set-Cookie") != "" {
		t.Errorf("a header was smuggled in: %v", got.header)
	}
	got = s.mustGet(t, secretPath+"?secretId=a&refreshNow=%0D%0Ax%22%FF")
	checkFailure(t, got, 400, "InvalidParameter", `"\r\nx\"\xff"`)
}

// A long value is not repeated whole.
func TestLongValueIsShortened(t *testing.T) {
	s := mustServe(t, defaults())
	got := s.mustGet(t, secretPath+"?secretId="+strings.Repeat("x", 4000))
	checkFailure(t, got, 400, "InvalidParameter", strings.Repeat("x", 100))
	if len(got.body) > 300 {
		t.Errorf("%d bytes: %s", len(got.body), got.body)
	}
}

// A bug that one request runs into costs that request alone: it is answered and recorded, and reported where its stack is at hand.
func TestPanic(t *testing.T) {
	var mu sync.Mutex
	var reasons []any
	var stack string
	cfg := defaults()
	cfg.Panicked = func(reason any) {
		mu.Lock()
		defer mu.Unlock()
		reasons, stack = append(reasons, reason), string(debug.Stack())
	}
	s := mustServe(t, cfg)
	wire := s.mustDial(t)
	for i, get := range []func(source.Query, bool) (cache.Answer, error){
		func(source.Query, bool) (cache.Answer, error) { panic("canary") },
		func(source.Query, bool) (cache.Answer, error) { panic(errors.New("canary")) },
		func(source.Query, bool) (cache.Answer, error) {
			var none []byte
			return cache.Answer{Body: none[1:]}, nil
		},
	} {
		s.reader.mu.Lock()
		s.reader.get = get
		s.reader.mu.Unlock()
		got, err := wire.send(request("GET", target))
		if err != nil {
			t.Fatal(err)
		}
		checkFailure(t, got, 500, "InternalError", "bug")
		record := s.recorder.mustLast(t, i+1)
		if record.Status != 500 || record.Outcome != access.Error || record.Error != "InternalError" || record.Name != "a" {
			t.Errorf("the record is %+v", record)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(reasons) != 3 || !strings.Contains(fmt.Sprint(reasons[2]), "slice bounds out of range") {
		t.Errorf("reported: %q", reasons)
	}
	if !strings.Contains(stack, "TestPanic") {
		t.Errorf("the stack does not tell where: %s", stack)
	}
}

// A panic with nobody to be told of it is answered all the same.
func TestPanicUntold(t *testing.T) {
	s := mustServe(t, defaults())
	s.reader.get = func(source.Query, bool) (cache.Answer, error) { panic("canary") }
	checkFailure(t, s.mustGet(t, target), 500, "InternalError", "bug")
}

// Requests over the limit are told to come back; those that are under way are not disturbed, and make room.
func TestTooManyInFlight(t *testing.T) {
	cfg := defaults()
	cfg.MaxInFlight = 2
	s := mustServe(t, cfg)
	entered, release := make(chan struct{}), make(chan struct{})
	s.reader.get = func(source.Query, bool) (cache.Answer, error) {
		entered <- struct{}{}
		<-release
		return aHit, nil
	}
	statuses := make(chan int, 2)
	for range 2 {
		wire := s.mustDial(t)
		go func() {
			got, _ := wire.send(request("GET", target))
			statuses <- got.status
		}()
		<-entered
	}
	got := s.mustGet(t, target)
	checkFailure(t, got, 429, "TooManyRequests", "LARDER_MAX_IN_FLIGHT")
	if got.header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q", got.header.Get("Retry-After"))
	}
	if record := s.recorder.mustLast(t, 1); record.Status != 429 || record.Outcome != access.Error {
		t.Errorf("the record is %+v", record)
	}
	close(release)
	for range 2 {
		if status := <-statuses; status != 200 {
			t.Errorf("status %d of one under way", status)
		}
	}
	s.recorder.mustLast(t, 3)
	s.reader.mu.Lock()
	s.reader.get = nil
	s.reader.mu.Unlock()
	for range 5 { // refused ones do not count for ever
		if got := s.mustGet(t, target); got.status != 200 {
			t.Errorf("afterwards: %d %s", got.status, got.body)
		}
	}
}

// What is no request is told so, and recorded.
func TestMalformedRequests(t *testing.T) {
	long := strings.Repeat("x", 20_000)
	for sent, row := range map[string]struct {
		status int
		code   string
	}{
		"nonsense\r\n\r\n":                                              {400, "MalformedRequest"},
		"GET\r\n\r\n":                                                   {400, "MalformedRequest"},
		request("GET", target, "X-Long: "+long):                         {431, "HeadersTooLarge"},
		request("GET", secretPath+"?secretId="+long):                    {431, "HeadersTooLarge"},
		request("GET", target, "Content-Length: 1000000"):               {413, "BodyTooLarge"},
		request("GET", target, "Content-Length: x"):                     {400, "MalformedRequest"},
		request("GET", target, "Bad Header Name: x", "No colon either"): {400, "MalformedRequest"},
	} {
		s := mustServe(t, defaults())
		got := s.mustSend(t, sent)
		checkFailure(t, got, row.status, row.code, "")
		record := s.recorder.mustLast(t, 1)
		if record.Status != row.status || record.Error != row.code || record.Outcome != access.Error || record.RequestID == "" {
			t.Errorf("%.50q: the record is %+v", sent, record)
		}
		if got.header.Get("X-Larder-Request-Id") != record.RequestID {
			t.Errorf("%.50q: the ids are %q and %q", sent, got.header.Get("X-Larder-Request-Id"), record.RequestID)
		}
	}
}

// A connection that ends between two requests, or before the first, is no request.
func TestIdleEndIsNotRecorded(t *testing.T) {
	s := mustServe(t, defaults())
	s.mustDial(t).Close()
	wire := s.mustDial(t)
	if _, err := wire.send(request("GET", target)); err != nil {
		t.Fatal(err)
	}
	wire.Close()
	s.mustGet(t, target)
	s.recorder.mustLast(t, 2)
}

// The token that is fetched for a request may run into a bug as well.
func TestPanicAtTheDoor(t *testing.T) {
	cfg := defaults()
	cfg.IsSessionToken = func(context.Context, []byte) bool { panic("canary") }
	s := mustServe(t, cfg)
	checkFailure(t, s.mustGet(t, target, "X-Aws-Parameters-Secrets-Token: x"), 500, "InternalError", "bug")
}
