package main

import (
	"context"
	"time"

	"larder/extension/internal/lambda"
)

// Invoked implements lambda.Handler.
func (x *extension) Invoked(event lambda.Event) {
	x.records.Begin(event.RequestID, event.Tracing.Value)
	if x.invoked {
		return
	}
	x.invoked = true
	if x.kind.IsSnapshotted() {
		x.restore.invoked()
		x.cache.Clear()
	}
	x.started()
}

// started is called when the start of the environment is over: with the first invocation, or at once where there are
// none.
func (x *extension) started() {
	saveMemory()
	x.cache.Open()
}

// BeforeNext implements lambda.Handler: a call to AWS or a line that is frozen half-way would come to its end at
// the next invocation, or never.
func (x *extension) BeforeNext() {
	const longest = time.Second
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	x.server.Settle(ctx)
	x.cache.Settle(ctx)
	x.records.Flush(ctx)
}

// writeLog starts the log's writer. What it returns ends it, once all is written or the time is over.
func (x *extension) writeLog() (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		x.records.Run(ctx)
		close(done)
	}()
	return func() {
		cancel()
		select {
		case <-done:
		case <-time.After(endTime / 2): // nobody reads the log
		}
	}
}
