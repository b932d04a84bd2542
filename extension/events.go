package main

import (
	"context"
	"time"

	"larder/extension/internal/lambda"
)

// Invoked implements lambda.Handler.
func (x *extension) Invoked(event lambda.Event) {
	// Lambda does not tell an extension when an invocation ends: it has, when the next one begins.
	x.records.End()
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
	x.lines.Flush(ctx)
	if x.sink != nil {
		x.sink.Flush(ctx)
	}
}

// writeLog starts what writes lines. What it returns ends it, once all is written or the time is over.
func (x *extension) writeLog() (end func()) {
	endLines := beside(x.lines.Run)
	endSink := func() {}
	if x.sink != nil {
		endSink = beside(x.sink.Run)
	}
	return func() {
		x.records.End()
		endSink() // first, for it may have something to tell
		endLines()
	}
}

// beside runs a writer. What it returns ends it, once all is written or the time is over.
func beside(run func(context.Context)) (end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		run(ctx)
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

// endMinutes ends an invocation's worth of records each minute, where there are no invocations.
func (x *extension) endMinutes(ctx context.Context) {
	ticker := time.NewTicker(time.Minute)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			x.records.End()
		case <-ctx.Done():
			return
		}
	}
}
