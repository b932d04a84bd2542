package lambda_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/lambda"
	"larder/extension/internal/lambdatest"
)

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), lambdatest.Patience)
	t.Cleanup(cancel)
	return ctx
}

func mustRegister(t *testing.T, api *lambdatest.API) *lambda.Client {
	t.Helper()
	client := lambda.NewClient(api.Address())
	if _, err := client.Register(testContext(t), "larder", true); err != nil {
		t.Fatal(err)
	}
	return client
}

// checkError proves that an error says all of these words.
func checkError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %q", words)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("got %q, want %q in it", err, word)
		}
	}
}

// A registration is under the name that it is given, for both events or for SHUTDOWN alone.
func TestRegister(t *testing.T) {
	for invokes, events := range map[bool][]string{true: {"INVOKE", "SHUTDOWN"}, false: {"SHUTDOWN"}} {
		api := lambdatest.MustStart(t, lambdatest.Options{})
		client := lambda.NewClient(api.Address())
		granted, err := client.Register(testContext(t), "AWSParametersAndSecretsLambdaExtension", invokes)
		if err != nil || granted != invokes {
			t.Errorf("granted %v, %v", granted, err)
		}
		got := api.MustWaitRegistered(t)
		if got.Name != "AWSParametersAndSecretsLambdaExtension" || !slices.Equal(got.Events, events) || got.ContentType != "application/json" {
			t.Errorf("got %+v, want %v", got, events)
		}
	}
}

// Where INVOKE is refused, as on Managed Instances, the registration is repeated for SHUTDOWN alone.
func TestRegisterWithoutInvoke(t *testing.T) {
	api := lambdatest.MustStart(t, lambdatest.Options{ManagedInstances: true})
	client := lambda.NewClient(api.Address())
	if invokes, err := client.Register(testContext(t), "larder", true); err != nil || invokes {
		t.Fatalf("invokes %v, %v", invokes, err)
	}
	if got := api.MustWaitRegistered(t); !slices.Equal(got.Events, []string{"SHUTDOWN"}) {
		t.Errorf("got %+v", got)
	}
	if calls := len(api.Calls()); calls != 2 {
		t.Errorf("%d calls, want 2", calls)
	}
	api.Shutdown("spindown", 0)
	if event, err := client.Next(testContext(t)); err != nil || event.Type != "SHUTDOWN" {
		t.Errorf("got %+v, %v", event, err)
	}
}

// The repetition is for that refusal only, and made once.
func TestRegisterRefused(t *testing.T) {
	for _, row := range []struct {
		fault   lambdatest.Fault
		invokes bool
		calls   int
		words   []string
	}{
		{lambdatest.Refusal(403, "Extension.InvalidEventType", "no"), true, 2, []string{"403", "Extension.InvalidEventType", "no"}},
		{lambdatest.Refusal(403, "Extension.InvalidEventType", "no"), false, 1, []string{"403"}},
		{lambdatest.Refusal(403, "Extension.TooManyExtensions", "there are 10"), true, 1, []string{"403", "Extension.TooManyExtensions", "there are 10"}},
		{lambdatest.Refusal(403, "Extension.RegistrationClosed", "late"), true, 1, []string{"Extension.RegistrationClosed"}},
		{lambdatest.Fault{Status: 500, Body: "not a document"}, true, 1, []string{"500"}},
		{lambdatest.Fault{Status: 503}, true, 1, []string{"503"}},
		{lambdatest.Fault{Status: 200, Body: "not a document"}, true, 1, []string{"Lambda-Extension-Identifier"}},
		{lambdatest.Fault{Status: 200, Body: "{}"}, true, 1, []string{"Lambda-Extension-Identifier"}},
		{lambdatest.Fault{Reset: true}, true, 1, nil},
	} {
		api := lambdatest.MustStart(t, lambdatest.Options{})
		api.Fail(lambdatest.Register, row.fault, -1)
		_, err := lambda.NewClient(api.Address()).Register(testContext(t), "larder", row.invokes)
		checkError(t, err, append(row.words, "registering as larder")...)
		if calls := len(api.Calls()); calls != row.calls {
			t.Errorf("%+v: %d calls, want %d", row.fault, calls, row.calls)
		}
	}
}

// An API that is not there is an error, not a wait.
func TestNobodyThere(t *testing.T) {
	api := lambdatest.MustStart(t, lambdatest.Options{})
	api.Close()
	_, err := lambda.NewClient(api.Address()).Register(testContext(t), "larder", true)
	checkError(t, err, "registering as larder")
}

// Events arrive with what the extension goes by.
func TestNext(t *testing.T) {
	api := lambdatest.MustStart(t, lambdatest.Options{})
	client := mustRegister(t, api)
	const trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	api.InvokeWith(lambdatest.Invocation{RequestID: "request-1", Trace: trace})
	api.InvokeWith(lambdatest.Invocation{RequestID: "request-2", Untraced: true})
	api.Shutdown("SPINDOWN", time.Second)
	for i, want := range []lambda.Event{
		{Type: "INVOKE", RequestID: "request-1"}, {Type: "INVOKE", RequestID: "request-2"}, {Type: "SHUTDOWN", Reason: "SPINDOWN"},
	} {
		if i == 0 {
			want.Tracing.Value = trace
		}
		got, err := client.Next(testContext(t))
		if err != nil {
			t.Fatal(err)
		}
		delivered := api.MustWaitDelivery(t, i+1)
		if !got.Deadline().Equal(delivered.Deadline.Truncate(time.Millisecond)) {
			t.Errorf("the deadline is %v, want %v", got.Deadline(), delivered.Deadline)
		}
		if got.DeadlineMillis = 0; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

// The wait for an event ends with its context, and an error of the API says what it is.
func TestNextFails(t *testing.T) {
	api := lambdatest.MustStart(t, lambdatest.Options{})
	client := mustRegister(t, api)
	ctx, cancel := context.WithCancel(testContext(t))
	failed := make(chan error, 1)
	go func() {
		_, err := client.Next(ctx)
		failed <- err
	}()
	api.MustWaitIdle(t)
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for _, row := range []struct {
		fault lambdatest.Fault
		words []string
	}{
		{lambdatest.Refusal(403, "Extension.UnknownExtensionIdentifier", "who"), []string{"403", "Extension.UnknownExtensionIdentifier", "who"}},
		{lambdatest.Fault{Status: 500}, []string{"500"}},
		{lambdatest.Fault{Status: 200, Body: `{"eventType":`}, []string{"reading the answer"}},
		{lambdatest.Fault{Reset: true}, nil},
	} {
		api.Fail(lambdatest.Next, row.fault, -1)
		_, err := client.Next(testContext(t))
		checkError(t, err, append(row.words, "waiting for the next event")...)
	}
}

// Before a registration the other calls are refused: there is no identifier to show.
func TestNotRegistered(t *testing.T) {
	api := lambdatest.MustStart(t, lambdatest.Options{})
	client := lambda.NewClient(api.Address())
	_, err := client.Next(testContext(t))
	checkError(t, err, "403")
	checkError(t, client.InitError(testContext(t), "Larder.Test", errors.New("x")), "reporting to init/error", "403")
}

// A report says what went wrong, in the header as in the document.
func TestReports(t *testing.T) {
	for call, report := range map[lambdatest.Call]func(*lambda.Client) func(context.Context, string, error) error{
		lambdatest.InitError: func(c *lambda.Client) func(context.Context, string, error) error { return c.InitError },
		lambdatest.ExitError: func(c *lambda.Client) func(context.Context, string, error) error { return c.ExitError },
	} {
		api := lambdatest.MustStart(t, lambdatest.Options{})
		client := mustRegister(t, api)
		if err := report(client)(testContext(t), "Larder.Test", errors.New(`the "port" is taken`)); err != nil {
			t.Error(err)
		}
		got := api.MustWaitReport(t)
		if got.Call != call || got.Type != "Larder.Test" || got.ErrorType != "Larder.Test" || got.ErrorMessage != `the "port" is taken` ||
			got.StackTrace == nil {
			t.Errorf("got %+v", got)
		}
		api.Fail(call, lambdatest.Fault{Status: 500}, 1)
		checkError(t, report(client)(testContext(t), "Larder.Test", errors.New("x")), "reporting to "+string(call), "500")
	}
}
