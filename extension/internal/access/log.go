package access

import (
	"context"
	"io"
	"strconv"
	"sync"
	"time"
)

const (
	// pipeBuf is the size up to which a write to a pipe is never mixed with another's (PIPE_BUF on Linux).
	pipeBuf = 4096
	// mostBlocks bounds what waits to be written, to about a megabyte.
	mostBlocks = 256
	// mostSpare is how many blocks are kept for reuse: what a busy moment fills between two writes.
	mostSpare = 16
	// gathering is how long the first line waits for others to be written with. The function may be frozen soon after
	// its answer, so it is short.
	gathering = time.Millisecond
)

// Log takes lines without ever waiting, and writes them from one goroutine, [Log.Run]. When the reader at the
// other end is too slow, the oldest lines are dropped and the next line says how many.
type Log struct {
	out     io.Writer
	wake    chan struct{}
	flushes chan chan struct{}

	mu      sync.Mutex
	block   block   // takes the next line
	waiting []block // full ones, oldest first
	spare   []block
	dropped int
	clock   stamp
}

// block is some whole lines, at most pipeBuf bytes unless one line alone is longer.
type block struct {
	bytes []byte
	lines int
}

// NewLog returns a log that writes to out, in writes of whole lines; nothing is written before Run.
func NewLog(out io.Writer) *Log {
	return &Log{out: out, wake: make(chan struct{}, 1), flushes: make(chan chan struct{})}
}

// Add implements Sink.
func (l *Log) Add(_ time.Time, line []byte) { _, _ = l.Write(line) }

// Write takes one whole line. It implements io.Writer and never fails.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	start := len(l.block.bytes)
	l.added(append(l.block.bytes, line...), start)
	return len(line), nil
}

// added takes over the block with a new line from start on, and unlocks. A line that does not fit any more
// begins the next block.
func (l *Log) added(bytes []byte, start int) {
	l.block.bytes = bytes
	l.block.lines++
	first := len(l.waiting) == 0 && start == 0
	if len(bytes) > pipeBuf && start > 0 {
		line := bytes[start:]
		l.block.bytes = bytes[:start]
		l.block.lines--
		l.seal()
		l.block.bytes = append(l.block.bytes, line...)
		l.block.lines = 1
	}
	l.mu.Unlock()
	if first {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// seal puts the block into the queue, and the oldest out if the queue is full.
func (l *Log) seal() {
	if len(l.waiting) == mostBlocks {
		l.dropped += l.waiting[0].lines
		l.spare = append(l.spare, l.waiting[0])
		l.waiting = append(l.waiting[:0], l.waiting[1:]...)
	}
	l.waiting = append(l.waiting, l.block)
	l.block = block{}
	if n := len(l.spare); n > 0 {
		l.block = block{bytes: l.spare[n-1].bytes[:0]}
		l.spare = l.spare[:n-1]
	}
	if l.block.bytes == nil {
		l.block.bytes = make([]byte, 0, pipeBuf+pipeBuf/4)
	}
}

// Run writes lines until ctx is done, and then once more what is left.
func (l *Log) Run(ctx context.Context) {
	gather := time.NewTimer(gathering)
	defer gather.Stop()
	for {
		select {
		case <-ctx.Done():
			l.write()
			return
		case done := <-l.flushes:
			l.write()
			close(done)
			continue
		case <-l.wake:
		}
		gather.Reset(gathering)
		select {
		case <-gather.C:
			l.write()
		case done := <-l.flushes:
			l.write()
			close(done)
		case <-ctx.Done():
		}
	}
}

// Flush returns when every line so far is written, or ctx is done.
func (l *Log) Flush(ctx context.Context) {
	done := make(chan struct{})
	select {
	case l.flushes <- done:
	case <-ctx.Done():
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// write writes all that waits. A failing write is not told anywhere: there is nowhere else.
func (l *Log) write() {
	for {
		next, found := l.take()
		if !found {
			return
		}
		l.out.Write(next.bytes)
		l.mu.Lock()
		if len(l.spare) < mostSpare && cap(next.bytes) <= 2*pipeBuf {
			l.spare = append(l.spare, next)
		}
		l.mu.Unlock()
	}
}

// take removes the oldest block, or a line that tells of dropped ones, which goes before.
func (l *Log) take() (block, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dropped > 0 {
		line := l.droppedLine()
		l.dropped = 0
		return block{bytes: line, lines: 1}, true
	}
	if len(l.waiting) == 0 {
		if len(l.block.bytes) == 0 {
			return block{}, false
		}
		l.seal()
	}
	oldest := l.waiting[0]
	l.waiting[0] = block{}
	l.waiting = l.waiting[1:]
	return oldest, true
}

// droppedLine tells how many lines are missing.
func (l *Log) droppedLine() []byte {
	line := l.clock.appendTo([]byte(`{"timestamp":"`), time.Now())
	line = append(line, `","level":"WARN","type":"larder.dropped","dropped":`...)
	line = strconv.AppendInt(line, int64(l.dropped), 10)
	return append(line, ",\"message\":\"standard output was read too slowly: so many lines were dropped\"}\n"...)
}
