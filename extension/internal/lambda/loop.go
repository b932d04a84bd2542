package lambda

import (
	"context"
	"strings"
	"time"
)

// Event is what Next waits for. Fields that an event does not have are empty.
type Event struct {
	Type           string `json:"eventType"` // INVOKE or SHUTDOWN
	DeadlineMillis int64  `json:"deadlineMs"`
	RequestID      string `json:"requestId"`
	Reason         string `json:"shutdownReason"`
	Tracing        struct {
		Value string `json:"value"` // of X-Amzn-Trace-Id; empty if the invocation is not traced
	} `json:"tracing"`
}

// Deadline is when Lambda stops waiting: for SHUTDOWN, when it kills the process.
func (e Event) Deadline() time.Time { return time.UnixMilli(e.DeadlineMillis) }

// Handler does the extension's part at each event.
type Handler interface {
	// Invoked is called when an invocation began, while the function works on it.
	Invoked(Event)
	// BeforeNext finishes what must not be frozen half-way: once the extension waits for the next event, the
	// environment may be. It bounds its own time, for the invocation is billed until it returns.
	BeforeNext()
}

// Run waits for events and hands them to the handler until Lambda shuts the environment down; it returns that
// event. An error means that the API is broken, or that ctx is done.
func Run(ctx context.Context, client *Client, handler Handler) (Event, error) {
	for {
		handler.BeforeNext()
		event, err := client.Next(ctx)
		if err != nil {
			return Event{}, err
		}
		switch strings.ToUpper(event.Type) {
		case "INVOKE":
			handler.Invoked(event)
		case "SHUTDOWN":
			return event, nil
		}
	}
}
