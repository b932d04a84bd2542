package main_test

import (
	"strings"
	"testing"

	"larder/extension/internal/awstest"
)

const logGroup = "/larder/access"

// With the sink cloudwatch the records are in the log group when the invocation has ended, in a stream named after the
// function and its version, and not on standard output.
func TestSinkCloudWatch(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Logs.PutGroup(logGroup)
	p := s.start("LARDER_ACCESS_SINK=cloudwatch", "LARDER_LOG_GROUP="+logGroup)
	s.lambda.Invoke("")
	for range 10 {
		p.mustRead(secretTarget)
	}
	s.lambda.Invoke("") // so that next was called after the reads
	p.mustWaitIdle()
	events := s.aws.Logs.Events(logGroup)
	if len(events) != 10 || !strings.Contains(events[0].Message, `"outcome":"miss"`) {
		t.Errorf("%d lines were delivered: %v", len(events), events)
	}
	streams := s.aws.Logs.Streams(logGroup)
	if len(streams) != 1 || !strings.HasPrefix(streams[0], "function/$LATEST/") {
		t.Errorf("streams are %q", streams)
	}
	if n := len(p.records()); n > 0 {
		t.Errorf("%d records are on standard output", n)
	}
	if n := s.aws.Counts.Of(awstest.CreateLogGroup); n > 0 {
		t.Errorf("the group was made %d times", n)
	}
}

// Without the group it is made, where the role may do so.
func TestLogGroupIsMade(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start("LARDER_ACCESS_SINK=both", "LARDER_LOG_GROUP="+logGroup)
	p.mustRead(secretTarget)
	mustWait(t, "the record to be delivered", func() bool { return len(s.aws.Logs.Events(logGroup)) == 1 })
	p.mustRecords(1)
}
