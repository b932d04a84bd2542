package access_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/access"
)

// numbered is the n-th record of a source; its name is padded to a length.
func numbered(source string, n, length int) access.Record {
	name := fmt.Sprintf("%d-", n)
	return access.Record{
		Time: aTime, Source: source, Outcome: access.Hit, Status: 200, Selector: fmt.Sprint(n),
		Name: name + strings.Repeat("x", max(length-len(name), 0)),
	}
}

// Lines are written in their order, whole, and never more to a write than a pipe takes in one piece, whatever
// their lengths.
func TestWritesOfWholeLines(t *testing.T) {
	out := newSink()
	l := newBook(out, access.Config{})
	const n = 400
	for i := range n {
		l.Access(numbered("ssm", i, i*37%2100))
	}
	l.Drain()
	out.checkWrites(t)
	lines := out.lines()
	if len(lines) != n {
		t.Fatalf("%d lines, want %d", len(lines), n)
	}
	for i, text := range lines {
		if got := mustDecode(t, text); *got.Selector != fmt.Sprint(i) {
			t.Fatalf("line %d is record %s", i, *got.Selector)
		}
	}
	if writes := len(out.all()); writes > n/2 {
		t.Errorf("%d lines took %d writes", n, writes)
	}
}

// A write is filled to the last byte that a pipe takes in one piece, and not by one more.
func TestWriteIsFilled(t *testing.T) {
	for _, row := range []struct{ line, lines, writes int }{{1024, 4, 1}, {1024, 5, 2}, {1025, 4, 2}, {241, 17, 2}, {4096, 2, 2}, {4097, 2, 2}} {
		out := newSink()
		l := newBook(out, access.Config{})
		for range row.lines {
			fmt.Fprintf(l, "{%s}\n", strings.Repeat(" ", row.line-3))
		}
		l.Drain()
		out.checkWrites(t)
		if got := len(out.all()); got != row.writes {
			t.Errorf("%d lines of %d bytes: %d writes, want %d", row.lines, row.line, got, row.writes)
		}
	}
}

// A line that alone is longer than a pipe takes in one piece stays one write, and its neighbours keep their order.
func TestLongLine(t *testing.T) {
	out := newSink()
	l := newBook(out, access.Config{})
	l.Access(numbered("ssm", 0, 10))
	long := numbered("ssm", 1, 10)
	long.Name = strings.Repeat("\x01", 2048)
	l.Access(long)
	l.Access(numbered("ssm", 2, 10))
	l.Drain()
	out.checkWrites(t)
	if writes := out.all(); len(writes) != 3 || len(writes[1]) < 6*2048 {
		t.Errorf("%d writes", len(writes))
	}
}

// Larder's own messages go the same way as the records, in order with them.
func TestMessagesAmongRecords(t *testing.T) {
	out := newSink()
	l := newBook(out, access.Config{})
	l.Access(numbered("ssm", 0, 10))
	if n, err := l.Write([]byte(`{"message":"own"}` + "\n")); n != 18 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	l.Access(numbered("ssm", 1, 10))
	l.Drain()
	lines := out.lines()
	if len(lines) != 3 || mustDecode(t, lines[1]).Message != "own" || *mustDecode(t, lines[2]).Selector != "1" {
		t.Errorf("got %q", lines)
	}
}

// A line is written soon though nobody asks for it, the next one after a pause too.
func TestRunWritesUnasked(t *testing.T) {
	out := newSink()
	l := newBook(out, access.Config{})
	end := run(t, l.Log)
	for i := range 5 {
		l.Access(numbered("ssm", i, 10))
		out.mustWait(t)
	}
	end()
	if got := len(out.lines()); got != 5 {
		t.Errorf("%d lines", got)
	}
}

// After a flush every line from before it is written, those from before Run too.
func TestFlush(t *testing.T) {
	out := newSink()
	l := newBook(out, access.Config{})
	for i := range 100 {
		l.Access(numbered("ssm", i, 100))
	}
	run(t, l.Log)
	flush(t, l.Log)
	if got := len(out.lines()); got != 100 {
		t.Errorf("%d lines, want 100", got)
	}
	for i := range 50 {
		l.Access(numbered("ssm", i, 100))
		flush(t, l.Log)
		if got := len(out.lines()); got != 101+i {
			t.Fatalf("%d lines, want %d", got, 101+i)
		}
	}
	flush(t, l.Log) // with nothing to write
}

// A flush that nobody can serve ends with its context: before Run, after it, and while a write hangs.
func TestFlushGivesUp(t *testing.T) {
	out := newSink()
	out.gate = make(chan struct{})
	l := newBook(out, access.Config{})
	l.Access(numbered("ssm", 0, 10))
	giveUp := func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		l.Flush(ctx)
	}
	giveUp()
	end := run(t, l.Log)
	out.mustWait(t)
	giveUp()
	close(out.gate)
	end()
	giveUp()
}

// The end of Run writes all that came before it. What comes later is taken without waiting, and lost.
func TestRunEnds(t *testing.T) {
	out := newSink()
	l := newBook(out, access.Config{})
	end := run(t, l.Log)
	for i := range 1000 {
		l.Access(numbered("ssm", i, 100))
	}
	end()
	if got := len(out.lines()); got != 1000 {
		t.Errorf("%d lines, want 1000", got)
	}
	for i := range 10_000 {
		l.Access(numbered("ssm", i, 100))
	}
	if got := len(out.lines()); got != 1000 {
		t.Errorf("%d lines after the end", got)
	}
}

type broken struct{ writes int }

func (b *broken) Write([]byte) (int, error) {
	b.writes++
	return 0, errors.New("broken pipe")
}

// A sink that fails is tried again with the next lines, and never keeps Run from ending.
func TestBrokenSink(t *testing.T) {
	var out broken
	l := newBook(&out, access.Config{})
	end := run(t, l.Log)
	for i := range 3 {
		l.Access(numbered("ssm", i, 10))
		flush(t, l.Log)
	}
	end()
	if out.writes != 3 {
		t.Errorf("%d writes, want 3", out.writes)
	}
}
