package access

import (
	"sync"
	"sync/atomic"
	"time"
)

// Detail says how much of what is read gets a line.
type Detail uint8

const (
	// All: each read and each refusal.
	All Detail = iota
	// Summary: the same, but for reads from memory, which are counted by value until the invocation ends.
	Summary
	// None: nothing.
	None
)

// Sink takes whole lines, and never waits. What it keeps of a line, it copies.
type Sink interface {
	Add(at time.Time, line []byte)
}

// Config says what stands in every record, and where records go.
type Config struct {
	// Function and Version are the Lambda function's; left out of the record if empty.
	Function string
	Version  string
	Detail   Detail
	// Sinks take the records' lines.
	Sinks []Sink
	// Metrics takes the metrics' lines; nil for no metrics.
	Metrics Sink
}

// Recorder turns records into lines, and counts what is told of an invocation as a whole.
type Recorder struct {
	config     Config
	constant   []byte // the fields that are the same in each record
	invocation atomic.Pointer[Invocation]

	mu      sync.Mutex
	line    []byte // for reuse
	clock   stamp
	tallies map[value]*tally
	metrics map[string]*counts // by source
}

// NewRecorder returns a recorder that has seen nothing.
func NewRecorder(cfg Config) *Recorder {
	r := &Recorder{config: cfg}
	r.constant = append(r.constant, `,"type":"larder.access"`...)
	r.constant = appendText(r.constant, "function", cfg.Function)
	r.constant = appendText(r.constant, "version", cfg.Version)
	r.invocation.Store(&Invocation{})
	return r
}

// Access takes one record. It keeps none of its strings.
func (r *Recorder) Access(rec Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.config.Metrics != nil {
		r.count(&rec)
	}
	switch {
	case r.config.Detail == None:
	case r.config.Detail == Summary && rec.Outcome == Hit:
		r.tally(&rec)
	default:
		r.write(&rec)
	}
}

// End writes what was counted since the last time: summaries and metrics. It is called when an invocation ends, and
// each minute where there are none.
func (r *Recorder) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writeTallies()
	r.writeMetrics()
}

func (r *Recorder) write(rec *Record) {
	line := append(r.line[:0], `{"timestamp":"`...)
	line = r.clock.appendTo(line, rec.Time)
	line = append(line, `","level":"`...)
	line = append(line, rec.level()...)
	line = append(line, '"')
	line = append(line, r.constant...)
	line = rec.appendTo(line)
	r.line = append(line, "}\n"...)
	for _, sink := range r.config.Sinks {
		sink.Add(rec.Time, r.line)
	}
}
