package lambdatest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"larder/extension/internal/lambdatest"
)

// answer is what came back of one call.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

type header map[string]string

// tryCall makes one call of the Extensions API, as an extension does, but on a
// connection of its own: on a used one net/http would hide a reset by a retry.
func tryCall(ctx context.Context, a *lambdatest.API, method, path, body string, headers header) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+a.Address()+"/2020-01-01/extension/"+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	r.Close = true
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	got := answer{status: response.StatusCode, header: response.Header, text: string(text)}
	_ = json.Unmarshal(text, &got.body) // Not every fault has a JSON body.
	return got, nil
}

func mustCall(t *testing.T, a *lambdatest.API, method, path, body string, headers header) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), lambdatest.Patience)
	defer cancel()
	got, err := tryCall(ctx, a, method, path, body, headers)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// mustRegister registers for both events and returns the identifier.
func mustRegister(t *testing.T, a *lambdatest.API) header {
	t.Helper()
	got := mustCall(t, a, "POST", "register", `{"events":["INVOKE","SHUTDOWN"]}`,
		header{"Lambda-Extension-Name": "larder", "Content-Type": "application/json"})
	if got.status != http.StatusOK {
		t.Fatalf("register: %d %s", got.status, got.text)
	}
	return header{"Lambda-Extension-Identifier": got.header.Get("Lambda-Extension-Identifier")}
}

// goNext calls next and sends on what came of it.
func goNext(ctx context.Context, a *lambdatest.API, identifier header) <-chan result {
	done := make(chan result, 1)
	go func() {
		got, err := tryCall(ctx, a, "GET", "event/next", "", identifier)
		done <- result{got, err}
	}()
	return done
}

type result struct {
	answer
	err error
}

func mustReceive(t *testing.T, done <-chan result) result {
	t.Helper()
	select {
	case got := <-done:
		return got
	case <-time.After(lambdatest.Patience):
		t.Fatal("the call is not answered")
		return result{}
	}
}

func checkEqual[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// checkRefused proves a refusal in the form of the API's own errors.
func checkRefused(t *testing.T, got answer, errorType string) {
	t.Helper()
	message, _ := got.body["errorMessage"].(string)
	if got.status != http.StatusForbidden || got.body["errorType"] != errorType || message == "" {
		t.Errorf("got %d %s, want 403 %s", got.status, got.text, errorType)
	}
}

// A registration is answered with the function it is for, the account only on
// request, and kept as it came.
func TestRegister(t *testing.T) {
	a := lambdatest.MustStart(t, lambdatest.Options{FunctionName: "orders"})
	got := mustCall(t, a, "POST", "register", `{"events":["INVOKE","SHUTDOWN"]}`,
		header{"Lambda-Extension-Name": "larder", "Content-Type": "application/json"})
	checkEqual(t, "status", got.status, http.StatusOK)
	checkEqual(t, "function", got.body["functionName"], any("orders"))
	checkEqual(t, "version", got.body["functionVersion"], any("$LATEST"))
	checkEqual(t, "handler", got.body["handler"], any("index.handler"))
	if _, told := got.body["accountId"]; told {
		t.Error("the account was told without being asked for")
	}
	seen := a.MustWaitRegistered(t)
	checkEqual(t, "name", seen.Name, "larder")
	checkEqual(t, "identifier", seen.Identifier, got.header.Get("Lambda-Extension-Identifier"))
	if !slices.Equal(seen.Events, []string{"INVOKE", "SHUTDOWN"}) {
		t.Errorf("events %v", seen.Events)
	}

	a.Restart()
	got = mustCall(t, a, "POST", "register", `{"events":[]}`,
		header{"Lambda-Extension-Name": "larder", "Lambda-Extension-Accept-Feature": "accountId"})
	checkEqual(t, "account", got.body["accountId"], any("123456789012"))
	checkEqual(t, "registrations", len(a.Registrations()), 2)
}

// What Lambda refuses to register is refused with its error types.
func TestRegisterRefusals(t *testing.T) {
	named := header{"Lambda-Extension-Name": "larder"}
	for _, row := range []struct {
		options lambdatest.Options
		body    string
		headers header
		want    string
	}{
		{lambdatest.Options{}, `{"events":[]}`, nil, "Extension.InvalidExtensionName"},
		{lambdatest.Options{}, `{"events":["RESTORE"]}`, named, "Extension.InvalidEventType"},
		{lambdatest.Options{}, `{"events":`, named, "InvalidRequestFormat"},
		{lambdatest.Options{}, `{}`, header{"Lambda-Extension-Name": "larder", "Content-Type": "text/plain"}, "InvalidRequestFormat"},
		{lambdatest.Options{ManagedInstances: true}, `{"events":["INVOKE","SHUTDOWN"]}`, named, "Extension.InvalidEventType"},
	} {
		a := lambdatest.MustStart(t, row.options)
		checkRefused(t, mustCall(t, a, "POST", "register", row.body, row.headers), row.want)
		checkEqual(t, "registrations", len(a.Registrations()), 0)
		// The way stays open for the right call.
		got := mustCall(t, a, "POST", "register", `{"events":["SHUTDOWN"]}`, named)
		checkEqual(t, "status of the right call", got.status, http.StatusOK)
	}
	a := lambdatest.MustStart(t, lambdatest.Options{})
	mustRegister(t, a)
	checkRefused(t, mustCall(t, a, "POST", "register", `{}`, named), "Extension.InvalidExtensionState")
}

// The hook runs while the extension waits for the answer of register.
func TestOnRegister(t *testing.T) {
	a := lambdatest.MustStart(t, lambdatest.Options{})
	ran := make(chan lambdatest.Registration, 1)
	hold := make(chan struct{})
	a.OnRegister(func(r lambdatest.Registration) {
		ran <- r
		<-hold
	})
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		mustRegister(t, a)
	}()
	checkEqual(t, "name", (<-ran).Name, "larder")
	select {
	case <-answered:
		t.Error("register was answered before its hook was done")
	default:
	}
	checkEqual(t, "registrations during the hook", len(a.Registrations()), 0)
	close(hold)
	<-answered
	a.MustWaitRegistered(t)
}

// The whole life: INIT ends with the first next, invocations come one by one,
// SHUTDOWN comes last, and each step can be waited for.
func TestLifeCycle(t *testing.T) {
	a := lambdatest.MustStart(t, lambdatest.Options{})
	identifier := mustRegister(t, a)
	ctx := t.Context()
	next := goNext(ctx, a, identifier)
	first := a.MustWaitNext(t, 1)
	checkEqual(t, "idle since", a.MustWaitIdle(t), first)

	id := a.Invoke("")
	got := mustReceive(t, next)
	checkEqual(t, "type", got.body["eventType"], any("INVOKE"))
	checkEqual(t, "request id", got.body["requestId"], any(id))
	checkEqual(t, "ARN", got.body["invokedFunctionArn"], any("arn:aws:lambda:eu-west-1:123456789012:function:function"))
	checkEqual(t, "tracing", got.body["tracing"].(map[string]any)["type"], any("X-Amzn-Trace-Id"))
	delivery := a.MustWaitDelivery(t, 1)
	checkEqual(t, "deadline", got.body["deadlineMs"].(float64), float64(delivery.Deadline.UnixMilli()))
	if left := time.Until(delivery.Deadline); left < 20*time.Second || left > 30*time.Second {
		t.Errorf("the deadline is in %v", left)
	}

	next = goNext(ctx, a, identifier)
	a.MustWaitNext(t, 2)
	a.InvokeWith(lambdatest.Invocation{RequestID: "r-2", Untraced: true, FunctionARN: "arn:other", Timeout: time.Second})
	got = mustReceive(t, next)
	checkEqual(t, "request id", got.body["requestId"], any("r-2"))
	checkEqual(t, "ARN", got.body["invokedFunctionArn"], any("arn:other"))
	if _, traced := got.body["tracing"]; traced {
		t.Error("an untraced invocation has tracing")
	}

	a.Invoke("r-3")
	a.Shutdown("SPINDOWN", 0)
	got = mustReceive(t, goNext(ctx, a, identifier))
	checkEqual(t, "queued event", got.body["requestId"], any("r-3"))
	got = mustReceive(t, goNext(ctx, a, identifier))
	checkEqual(t, "type", got.body["eventType"], any("SHUTDOWN"))
	checkEqual(t, "reason", got.body["shutdownReason"], any("SPINDOWN"))
	last := a.MustWaitDelivery(t, 4)
	if left := last.Deadline.Sub(last.QueuedAt); left < 1900*time.Millisecond || left > 2100*time.Millisecond {
		t.Errorf("the deadline was in %v", left)
	}
	if last.SentAt.Before(last.QueuedAt) {
		t.Error("the event was sent before it was queued")
	}
}

// An extension that registered for SHUTDOWN alone gets no INVOKE, asked for
// before or after it registered.
func TestOnlyWhatWasAskedFor(t *testing.T) {
	a := lambdatest.MustStart(t, lambdatest.Options{ManagedInstances: true})
	a.Invoke("early")
	got := mustCall(t, a, "POST", "register", `{"events":["SHUTDOWN"]}`, header{"Lambda-Extension-Name": "larder"})
	identifier := header{"Lambda-Extension-Identifier": got.header.Get("Lambda-Extension-Identifier")}
	a.Invoke("late")
	next := goNext(t.Context(), a, identifier)
	a.MustWaitIdle(t)
	a.Shutdown("spindown", time.Second)
	checkEqual(t, "type", mustReceive(t, next).body["eventType"], any("SHUTDOWN"))
	checkEqual(t, "deliveries", len(a.Deliveries()), 1)
}

// Calls under no or a wrong identifier are refused, and so is a second next.
func TestIdentifier(t *testing.T) {
	a := lambdatest.MustStart(t, lambdatest.Options{})
	identifier := mustRegister(t, a)
	for _, path := range []string{"event/next", "init/error", "exit/error"} {
		method := "POST"
		if path == "event/next" {
			method = "GET"
		}
		checkRefused(t, mustCall(t, a, method, path, "", nil), "Extension.MissingExtensionIdentifier")
		checkRefused(t, mustCall(t, a, method, path, "", header{"Lambda-Extension-Identifier": "x"}),
			"Extension.UnknownExtensionIdentifier")
	}
	goNext(t.Context(), a, identifier)
	a.MustWaitIdle(t)
	checkRefused(t, mustCall(t, a, "GET", "event/next", "", identifier), "Extension.InvalidExtensionState")
	checkEqual(t, "accepted nexts", len(a.Calls()), 1+3*2+2)
}

// After Restart the old process is cut off, and a new one registers and is
// counted on.
func TestRestart(t *testing.T) {
	a := lambdatest.MustStart(t, lambdatest.Options{})
	old := mustRegister(t, a)
	next := goNext(t.Context(), a, old)
	a.MustWaitNext(t, 1)
	a.Restart()
	if got := mustReceive(t, next); got.err == nil {
		t.Errorf("the old process got %s", got.text)
	}
	identifier := mustRegister(t, a)
	checkRefused(t, mustCall(t, a, "GET", "event/next", "", old), "Extension.UnknownExtensionIdentifier")
	next = goNext(t.Context(), a, identifier)
	a.MustWaitNext(t, 2)
	a.Invoke("again")
	checkEqual(t, "request id", mustReceive(t, next).body["requestId"], any("again"))
	a.MustWaitRegistration(t, 2)
}

// Reports are taken with 202, kept whole, and end the extension's life.
func TestReports(t *testing.T) {
	for _, path := range []lambdatest.Call{lambdatest.InitError, lambdatest.ExitError} {
		a := lambdatest.MustStart(t, lambdatest.Options{})
		identifier := mustRegister(t, a)
		const body = `{"errorMessage":"port 2773 is taken","errorType":"Larder.Listen","stackTrace":[]}`
		checkRefused(t, mustCall(t, a, "POST", string(path), body, identifier), "Extension.MissingHeader")
		checkEqual(t, "reports", len(a.Reports()), 0)

		identifier["Lambda-Extension-Function-Error-Type"] = "Larder.Listen"
		got := mustCall(t, a, "POST", string(path), body, identifier)
		checkEqual(t, "status", got.status, http.StatusAccepted)
		checkEqual(t, "body", got.text, `{"status":"OK"}`)
		report := a.MustWaitReport(t)
		checkEqual(t, "call", report.Call, path)
		checkEqual(t, "type", report.Type, "Larder.Listen")
		checkEqual(t, "message", report.ErrorMessage, "port 2773 is taken")
		checkEqual(t, "errorType", report.ErrorType, "Larder.Listen")
		checkEqual(t, "whole body", report.Body, body)
		checkRefused(t, mustCall(t, a, "GET", "event/next", "", identifier), "Extension.InvalidExtensionState")
	}
}

// init/error is for INIT only.
func TestInitErrorAfterNext(t *testing.T) {
	a := lambdatest.MustStart(t, lambdatest.Options{})
	identifier := mustRegister(t, a)
	goNext(t.Context(), a, identifier)
	a.MustWaitIdle(t)
	identifier = header{"Lambda-Extension-Identifier": identifier["Lambda-Extension-Identifier"],
		"Lambda-Extension-Function-Error-Type": "x"}
	checkRefused(t, mustCall(t, a, "POST", "init/error", "{}", identifier), "Extension.InvalidExtensionState")
	checkEqual(t, "status", mustCall(t, a, "POST", "exit/error", "{}", identifier).status, http.StatusAccepted)
}

// Faults meet the calls they are for, as often as told, also a next that is
// being waited in.
func TestFaults(t *testing.T) {
	a := lambdatest.MustStart(t, lambdatest.Options{})
	a.Fail(lambdatest.Register, lambdatest.Refusal(403, "Extension.TooManyExtensions", "ten are enough"), 1)
	got := mustCall(t, a, "POST", "register", "{}", header{"Lambda-Extension-Name": "larder"})
	checkRefused(t, got, "Extension.TooManyExtensions")

	a.Fail(lambdatest.Register, lambdatest.Fault{Status: 500, Body: "not JSON"}, -1)
	for range 2 {
		got = mustCall(t, a, "POST", "register", "{}", header{"Lambda-Extension-Name": "larder"})
		checkEqual(t, "status", got.status, 500)
		checkEqual(t, "body", got.text, "not JSON")
	}
	a.MustWaitCalls(t, lambdatest.Register, 3)
	a.Fail(lambdatest.Register, lambdatest.Fault{}, 0)
	identifier := mustRegister(t, a)

	next := goNext(t.Context(), a, identifier)
	a.MustWaitIdle(t)
	a.Fail(lambdatest.Next, lambdatest.Fault{Reset: true}, 1)
	if got := mustReceive(t, next); !errors.Is(got.err, syscall.ECONNRESET) {
		t.Errorf("reset: got %v %s", got.err, got.text)
	}

	a.Fail(lambdatest.Next, lambdatest.Fault{Hang: true}, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := tryCall(ctx, a, "GET", "event/next", "", identifier); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang: got %v", err)
	}
	next = goNext(t.Context(), a, identifier)
	checkEqual(t, "idle since", a.MustWaitIdle(t), a.MustWaitNext(t, 2)) // The one that hung was not accepted.
	a.Invoke("fine")
	checkEqual(t, "request id", mustReceive(t, next).body["requestId"], any("fine"))
}

// A wait that is not met ends with its context and tells what came instead.
func TestWaitTellsWhatCame(t *testing.T) {
	a := lambdatest.MustStart(t, lambdatest.Options{})
	mustRegister(t, a)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err := a.WaitNext(ctx, 1)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "next 1") || !strings.Contains(err.Error(), "register") {
		t.Errorf("got %v", err)
	}
}

// Time stamps are in the order of what happened, by the monotonic clock.
func TestTimeStamps(t *testing.T) {
	a := lambdatest.MustStart(t, lambdatest.Options{})
	before := time.Now()
	identifier := mustRegister(t, a)
	goNext(t.Context(), a, identifier)
	next := a.MustWaitNext(t, 1)
	registered := a.MustWaitRegistered(t).At
	if registered.Before(before) || next.Before(registered) {
		t.Errorf("register after %v, next after %v", registered.Sub(before), next.Sub(before))
	}
	if !strings.Contains(registered.String(), "m=") || !strings.Contains(next.String(), "m=") {
		t.Error("a time stamp has no monotonic reading")
	}
	calls := a.Calls()
	if len(calls) != 2 || calls[0].Call != lambdatest.Register || calls[1].Call != lambdatest.Next {
		t.Errorf("calls %v", calls)
	}
}

// Other paths are the caller's; Close ends what is open and frees the port.
func TestOtherPathsAndClose(t *testing.T) {
	other := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTeapot) })
	a := lambdatest.MustStart(t, lambdatest.Options{Other: other})
	checkEqual(t, "other path", mustCall(t, a, "GET", "../../2018-06-01/runtime/invocation/next", "", nil).status, http.StatusTeapot)
	identifier := mustRegister(t, a)
	next := goNext(t.Context(), a, identifier)
	a.MustWaitIdle(t)
	a.Close()
	a.Close()
	if got := mustReceive(t, next); got.err == nil {
		t.Errorf("got %s", got.text)
	}
	listener, err := net.Listen("tcp", a.Address())
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()

	plain := lambdatest.MustStart(t, lambdatest.Options{})
	checkEqual(t, "without Other", mustCall(t, plain, "GET", "nowhere", "", nil).status, http.StatusNotFound)
}
