package cloudwatch

import (
	"cmp"
	"slices"
	"time"
)

const (
	// blockBytes is how much is dropped at once when the queue is full.
	blockBytes = 32 << 10
	// mostQueued bounds what waits for CloudWatch, in bytes.
	mostQueued = 4 << 20
	// manyQueued is when the first line does not wait for others any more.
	manyQueued = 256 << 10

	// The limits of one PutLogEvents call, with room for a line that tells of dropped ones: bytes with those that each
	// event counts extra, events, and the time between the first and the last.
	mostBytes  = 1<<20 - 1024
	eventBytes = 26
	mostEvents = 10_000 - 1
	mostSpan   = 24 * time.Hour
)

// block is some lines with their times, oldest first.
type block struct {
	text []byte
	ends []int // of each line in text
	at   []int64
}

func (b *block) add(at time.Time, line []byte) {
	b.text = append(b.text, line...)
	b.ends = append(b.ends, len(b.text))
	b.at = append(b.at, at.UnixMilli())
}

// queue is what waits for CloudWatch. Not safe for concurrent use.
type queue struct {
	blocks  []*block
	bytes   int
	dropped int // lines, since it was told
}

// add takes a line, and drops the oldest block if there are too many.
func (q *queue) add(at time.Time, line []byte) {
	if n := len(q.blocks); n == 0 || len(q.blocks[n-1].text)+len(line) > blockBytes {
		q.blocks = append(q.blocks, &block{})
	}
	q.blocks[len(q.blocks)-1].add(at, line)
	q.bytes += len(line)
	for q.bytes > mostQueued && len(q.blocks) > 1 {
		q.dropped += len(q.blocks[0].ends)
		q.bytes -= len(q.blocks[0].text)
		q.blocks[0] = nil
		q.blocks = q.blocks[1:]
	}
}

// take removes as many lines as one call may hold, in the order of their times. It returns none if none wait.
func (q *queue) take() []event {
	var events []event
	bytes := 0
	var first, last int64
	for len(q.blocks) > 0 {
		b := q.blocks[0]
		taken := 0
		for i, end := range b.ends {
			start := 0
			if i > 0 {
				start = b.ends[i-1]
			}
			line := b.text[start : end-1] // without the newline
			from, to := b.at[i], b.at[i]
			if len(events) > 0 {
				from, to = min(first, from), max(last, to)
			}
			if len(events) == mostEvents || bytes+len(line)+eventBytes > mostBytes || to-from >= mostSpan.Milliseconds() {
				break
			}
			first, last = from, to
			bytes += len(line) + eventBytes
			events = append(events, event{b.at[i], string(line)})
			taken = i + 1
		}
		q.bytes -= b.cut(taken)
		if len(b.ends) > 0 {
			break
		}
		q.blocks = q.blocks[1:]
	}
	slices.SortStableFunc(events, func(a, b event) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	return events
}

// cut removes the first lines, and returns how many bytes they had.
func (b *block) cut(lines int) int {
	if lines == 0 {
		return 0
	}
	size := b.ends[lines-1]
	b.text, b.ends, b.at = b.text[size:], b.ends[lines:], b.at[lines:]
	for i := range b.ends {
		b.ends[i] -= size
	}
	return size
}
