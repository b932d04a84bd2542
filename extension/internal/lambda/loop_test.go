package lambda_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"larder/extension/internal/lambda"
	"larder/extension/internal/lambdatest"
)

// handler notes what it is told, in order.
type handler struct{ told []string }

func (h *handler) Invoked(event lambda.Event) { h.told = append(h.told, "invoked "+event.RequestID) }
func (h *handler) BeforeNext()                { h.told = append(h.told, "before next") }

// Events are handed over in their order, with what must not be frozen finished before each wait; the last one is
// returned.
func TestRun(t *testing.T) {
	api := lambdatest.MustStart(t, lambdatest.Options{})
	client := mustRegister(t, api)
	api.Invoke("1")
	api.Invoke("2")
	api.Shutdown("timeout", 0)
	var h handler
	event, err := lambda.Run(testContext(t), client, &h)
	if err != nil || event.Reason != "timeout" {
		t.Errorf("got %+v, %v", event, err)
	}
	want := []string{"before next", "invoked 1", "before next", "invoked 2", "before next"}
	if !slices.Equal(h.told, want) {
		t.Errorf("got %q, want %q", h.told, want)
	}
}

// The events' names are of any case, and one that is not known is passed over, as a newer Lambda may send it.
func TestRunKnowsEventsByAnyCase(t *testing.T) {
	for _, names := range [][2]string{{"INVOKE", "SHUTDOWN"}, {"Invoke", "Shutdown"}, {"invoke", "shutdown"}} {
		api := lambdatest.MustStart(t, lambdatest.Options{})
		client := mustRegister(t, api)
		var h handler
		steps := []string{
			`{"eventType":"RESTORE"}`, `{}`, `{"eventType":"` + names[0] + `","requestId":"1","later":{"x":[1]}}`,
			`{"eventType":"` + names[1] + `","shutdownReason":"SpinDown"}`,
		}
		script := &scripted{handler: &h, next: func(i int) {
			if i < len(steps) {
				api.Fail(lambdatest.Next, lambdatest.Fault{Status: 200, Body: steps[i]}, 1)
			}
		}}
		event, err := lambda.Run(testContext(t), client, script)
		if err != nil || event.Reason != "SpinDown" {
			t.Errorf("%q: got %+v, %v", names, event, err)
		}
		if want := []string{"before next", "before next", "before next", "invoked 1", "before next"}; !slices.Equal(h.told, want) {
			t.Errorf("%q: got %q, want %q", names, h.told, want)
		}
	}
}

// scripted sets the scene for each wait before it begins.
type scripted struct {
	*handler
	next func(i int)
	i    int
}

func (s *scripted) BeforeNext() {
	s.handler.BeforeNext()
	s.next(s.i)
	s.i++
}

// A broken API ends the loop with its error, and so does the context.
func TestRunFails(t *testing.T) {
	api := lambdatest.MustStart(t, lambdatest.Options{})
	client := mustRegister(t, api)
	api.Fail(lambdatest.Next, lambdatest.Fault{Status: 500}, 1)
	_, err := lambda.Run(testContext(t), client, &handler{})
	checkError(t, err, "500")

	ctx, cancel := context.WithCancel(testContext(t))
	ended := make(chan error, 1)
	go func() {
		_, err := lambda.Run(ctx, client, &handler{})
		ended <- err
	}()
	api.MustWaitIdle(t)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Only Managed Instances have no invocations to be told of, and only SnapStart stores the memory; what is not
// known is treated as on demand.
func TestInitializationTypes(t *testing.T) {
	for kind, want := range map[lambda.InitializationType]string{
		lambda.OnDemand: "true false", lambda.ProvisionedConcurrency: "true false", lambda.SnapStart: "true true",
		lambda.ManagedInstances: "false false", "": "true false", "something new": "true false",
	} {
		if got := fmt.Sprint(kind.HasInvokes(), kind.IsSnapshotted()); got != want {
			t.Errorf("%q: got %s, want %s", kind, got, want)
		}
	}
}
