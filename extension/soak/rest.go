// This file lets the process come to rest, and end.

package main

import (
	"context"
	"fmt"
	"time"

	"larder/extension/internal/awstest"
)

const (
	// keptFiles is by how many open files the process may differ from its first rest: its connections to AWS, three
	// for each service, of which the first rest may have seen none.
	keptFiles = 6
	settling  = 300 * time.Millisecond
	endTime   = 2 * time.Second // what Lambda gives an extension
)

// atRest waits until the process holds no more files than it may, or for some seconds, and returns what it holds.
func (s *stage) atRest(ctx context.Context, before usage) (usage, error) {
	var last usage
	for end := time.Now().Add(5 * time.Second); ; {
		s.sleepUntil(ctx, s.now()+settling)
		u, err := s.process.usage()
		if err != nil {
			return u, err
		}
		if last == u && (before.files == 0 || u.files <= before.files+keptFiles) || time.Now().After(end) {
			return u, nil
		}
		last = u
	}
}

// finish takes down what there is after the load, and lets the process end as Lambda does.
func (s *stage) finish(ctx context.Context, h *history) {
	var err error
	if h.end, err = s.atRest(ctx, h.begin); err != nil || s.process.hasEnded() {
		h.died = "it ended during the load"
	}
	begun := time.Now()
	s.lambda.Shutdown("spindown", endTime)
	select {
	case <-s.process.ended:
	case <-time.After(2 * endTime):
		h.died = fmt.Sprintf("it still ran %v after SHUTDOWN", 2*endTime)
		s.process.kill()
	}
	h.ending = time.Since(begun)
	if state := s.process.cmd.ProcessState; h.died == "" && state.ExitCode() != 0 {
		h.died = state.String()
	}
	if h.died != "" {
		h.died = s.process.broken(fmt.Errorf("%s", h.died)).Error()
	}
	h.connections = max(s.aws.Counts.MaxOpen(awstest.SecretsManager), s.aws.Counts.MaxOpen(awstest.ParameterStore))
	p := s.process
	h.lines, h.other, h.dropped, h.exposed = p.lines, p.other, p.dropped, p.exposed
}
