// This file holds CloudWatch Logs, as far as lines are written to it, with the
// limits of the real one.

package awstest

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Logs is the store of CloudWatch Logs.
type Logs struct {
	account account
	now     func() time.Time

	mu     sync.Mutex
	groups map[string]map[string][]LogEvent
	refuse map[Operation]bool
}

// LogEvent is a line as it was delivered.
type LogEvent struct {
	Timestamp int64  `json:"timestamp"` // milliseconds since 1970
	Message   string `json:"message"`
}

func newLogs(account account, now func() time.Time) *Logs {
	return &Logs{account: account, now: now, groups: make(map[string]map[string][]LogEvent), refuse: make(map[Operation]bool)}
}

// PutGroup makes a log group.
func (l *Logs) PutGroup(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.makeGroup(name)
}

func (l *Logs) makeGroup(name string) bool {
	if l.groups[name] != nil {
		return false
	}
	l.groups[name] = make(map[string][]LogEvent)
	return true
}

// DeleteStreams removes all streams of a group, with what is in them.
func (l *Logs) DeleteStreams(group string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.groups[group])
}

// Deny takes the permission for an operation away from the role.
func (l *Logs) Deny(operation Operation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse[operation] = true
}

// Allow gives it back.
func (l *Logs) Allow(operation Operation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.refuse, operation)
}

// Streams are the names of a group's streams, sorted.
func (l *Logs) Streams(group string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	for name := range l.groups[group] {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Events are all lines of a group, stream by stream, each in the order of its
// delivery.
func (l *Logs) Events(group string) []LogEvent {
	var events []LogEvent
	for _, stream := range l.Streams(group) {
		l.mu.Lock()
		events = append(events, l.groups[group][stream]...)
		l.mu.Unlock()
	}
	return events
}

func (l *Logs) answer(operation Operation, asked request) (any, *apiError) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuse[operation] {
		return nil, l.account.accessDenied("logs:"+string(operation), fmt.Sprintf("arn:%s:logs:%s:%s:log-group:%s:log-stream:%s",
			partitionOf(l.account.region), l.account.region, l.account.id, asked.LogGroup, asked.LogStream))
	}
	switch operation {
	case CreateLogGroup:
		if !l.makeGroup(asked.LogGroup) {
			return nil, &apiError{code: "ResourceAlreadyExistsException", message: "The specified log group already exists"}
		}
		return nil, nil
	case CreateLogStream:
		return nil, l.createStream(asked)
	}
	return l.put(asked)
}

func (l *Logs) createStream(asked request) *apiError {
	group := l.groups[asked.LogGroup]
	if group == nil {
		return &apiError{code: "ResourceNotFoundException", message: "The specified log group does not exist."}
	}
	if _, there := group[asked.LogStream]; there {
		return &apiError{code: "ResourceAlreadyExistsException", message: "The specified log stream already exists"}
	}
	group[asked.LogStream] = nil
	return nil
}

// put checks what the API reference of PutLogEvents asks for.
func (l *Logs) put(asked request) (any, *apiError) {
	group := l.groups[asked.LogGroup]
	if group == nil {
		return nil, &apiError{code: "ResourceNotFoundException", message: "The specified log group does not exist."}
	}
	if _, there := group[asked.LogStream]; !there {
		return nil, &apiError{code: "ResourceNotFoundException", message: "The specified log stream does not exist."}
	}
	const mostBytes, mostEvents, extra = 1_048_576, 10_000, 26
	events := asked.LogEvents
	invalid := func(why string) *apiError { return &apiError{code: "InvalidParameterException", message: why} }
	if len(events) == 0 || len(events) > mostEvents {
		return nil, invalid(fmt.Sprintf("a batch has 1 to %d events, not %d", mostEvents, len(events)))
	}
	size := 0
	for i, event := range events {
		size += len(event.Message) + extra
		if event.Message == "" {
			return nil, invalid("an event has a message")
		}
		if i > 0 && event.Timestamp < events[i-1].Timestamp {
			return nil, invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	if size > mostBytes {
		return nil, invalid(fmt.Sprintf("Upload too large: %d bytes exceeds limit of %d", size, mostBytes))
	}
	if events[len(events)-1].Timestamp-events[0].Timestamp > (24 * time.Hour).Milliseconds() {
		return nil, invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	taken, rejected := l.inTime(events)
	group[asked.LogStream] = append(group[asked.LogStream], taken...)
	answer := map[string]any{"nextSequenceToken": "49039859612012350000000000000000000000000000000000000000"}
	if rejected != nil {
		answer["rejectedLogEventsInfo"] = rejected
	}
	return answer, nil
}

// inTime leaves out what is more than 14 days old, or more than two hours in the
// future.
func (l *Logs) inTime(events []LogEvent) (taken []LogEvent, rejected map[string]int) {
	now := l.now()
	oldest, newest := now.AddDate(0, 0, -14).UnixMilli(), now.Add(2*time.Hour).UnixMilli()
	rejected = make(map[string]int)
	for i, event := range events {
		switch {
		case event.Timestamp < oldest:
			rejected["tooOldLogEventEndIndex"] = i + 1
		case event.Timestamp > newest:
			if _, found := rejected["tooNewLogEventStartIndex"]; !found {
				rejected["tooNewLogEventStartIndex"] = i
			}
		default:
			taken = append(taken, event)
		}
	}
	if len(rejected) == 0 {
		return taken, nil
	}
	return taken, rejected
}
