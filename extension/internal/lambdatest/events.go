// This file queues the events and answers /event/next, the long poll.

package lambdatest

import (
	"net/http"
	"slices"
	"time"
)

// Invocation describes an INVOKE. Its zero value is an ordinary, traced one.
type Invocation struct {
	RequestID   string        // empty: a new one
	Timeout     time.Duration // what deadlineMs leaves the function; zero: 30 s
	FunctionARN string        // empty: the one of Options
	Trace       string        // X-Ray's trace header; empty: an example
	Untraced    bool          // leave tracing out of the event
}

// Delivery is an event on its way to the extension, or arrived there.
type Delivery struct {
	EventType string // INVOKE or SHUTDOWN
	RequestID string // of an INVOKE
	Reason    string // of a SHUTDOWN
	Deadline  time.Time
	QueuedAt  time.Time
	SentAt    time.Time // when the answer of next began

	document any
}

// Invoke delivers an INVOKE and returns its request id, which is a new one where
// requestID is empty. Like Lambda it delivers nothing to an extension that did
// not register for INVOKE. It does not wait: see WaitIdle and WaitNext.
func (a *API) Invoke(requestID string) string {
	return a.InvokeWith(Invocation{RequestID: requestID})
}

// InvokeWith is Invoke with every field of the event open to choice.
func (a *API) InvokeWith(invocation Invocation) string {
	type tracing struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	if invocation.RequestID == "" {
		invocation.RequestID = newUUID()
	}
	if invocation.Timeout == 0 {
		invocation.Timeout = 30 * time.Second
	}
	if invocation.FunctionARN == "" {
		invocation.FunctionARN = a.options.FunctionARN
	}
	if invocation.Trace == "" {
		invocation.Trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
	}
	deadline := time.Now().Add(invocation.Timeout)
	document := struct {
		EventType          string   `json:"eventType"`
		DeadlineMs         int64    `json:"deadlineMs"`
		RequestID          string   `json:"requestId"`
		InvokedFunctionARN string   `json:"invokedFunctionArn"`
		Tracing            *tracing `json:"tracing,omitempty"`
	}{"INVOKE", deadline.UnixMilli(), invocation.RequestID, invocation.FunctionARN, nil}
	if !invocation.Untraced {
		document.Tracing = &tracing{"X-Amzn-Trace-Id", invocation.Trace}
	}
	a.queue(&Delivery{EventType: "INVOKE", RequestID: invocation.RequestID, Deadline: deadline, document: document})
	return invocation.RequestID
}

// Shutdown delivers a SHUTDOWN with this reason, as given (Lambda itself writes
// "spindown" and "SPINDOWN"). The event's deadlineMs is timeout from now; zero
// stands for Lambda's 2 s. Killing the process at the deadline is the caller's
// part.
func (a *API) Shutdown(reason string, timeout time.Duration) {
	if timeout == 0 {
		timeout = 2 * time.Second
	}
	deadline := time.Now().Add(timeout)
	document := struct {
		EventType      string `json:"eventType"`
		DeadlineMs     int64  `json:"deadlineMs"`
		ShutdownReason string `json:"shutdownReason"`
	}{"SHUTDOWN", deadline.UnixMilli(), reason}
	a.queue(&Delivery{EventType: "SHUTDOWN", Reason: reason, Deadline: deadline, document: document})
}

func (a *API) queue(delivery *Delivery) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delivery.QueuedAt = time.Now()
	a.pending = append(a.pending, delivery)
	a.notify()
}

func (a *API) next(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	extension, why := a.identify(r)
	if why == (refusal{}) && extension.waiting {
		why = refusal{"Extension.InvalidExtensionState", "a next is being waited in already"}
	}
	if why != (refusal{}) {
		a.mu.Unlock()
		writeJSON(w, http.StatusForbidden, why)
		return
	}
	extension.waiting, extension.asked = true, true
	a.nexts = append(a.nexts, time.Now())
	a.notify()
	a.mu.Unlock()

	delivery, fault := a.awaitEvent(r, extension)
	switch {
	case fault != nil:
		a.fail(w, r, *fault)
	case delivery != nil:
		w.Header().Set("Lambda-Extension-Event-Identifier", newUUID())
		writeJSON(w, http.StatusOK, delivery.document)
	default:
		panic(http.ErrAbortHandler) // The caller is gone, or the environment is: there is nobody to answer.
	}
}

// awaitEvent holds the call open until there is an event or a fault for it. Both
// are nil when the extension, the environment or the fake went away first.
func (a *API) awaitEvent(r *http.Request, extension *environment) (*Delivery, *Fault) {
	defer func() {
		a.mu.Lock()
		extension.waiting = false
		a.mu.Unlock()
	}()
	for {
		a.mu.Lock()
		fault := a.takeFault(Next)
		var delivery *Delivery
		for fault == nil && len(a.pending) > 0 && delivery == nil && a.current == extension {
			// Like Lambda: an extension hears of the kinds that it registered for.
			if slices.Contains(extension.events, a.pending[0].EventType) {
				delivery = a.pending[0]
				delivery.SentAt = time.Now()
				a.deliveries = append(a.deliveries, *delivery)
			}
			a.pending = a.pending[1:]
			a.notify() // an event that nobody wants is gone, too
		}
		changed := a.changed
		if fault != nil || delivery != nil {
			extension.waiting = false
			a.notify()
			a.mu.Unlock()
			return delivery, fault
		}
		a.mu.Unlock()

		select {
		case <-changed:
		case <-r.Context().Done():
			return nil, nil
		case <-extension.gone:
			return nil, nil
		case <-a.done:
			return nil, nil
		}
	}
}
