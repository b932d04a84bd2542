// This file counts what was asked of the fake, so that a test can tell one call
// to AWS from two.

package awstest

import (
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Call is one call as it came in.
type Call struct {
	At           time.Time // with Go's monotonic reading
	Operation    Operation
	Names        []string // what was asked for, as the client spelled it
	Region       string   // of the signature, as the next two
	Service      Service
	AccessKeyID  string
	SessionToken string // the X-Amz-Security-Token header
	UserAgent    string
	RequestID    string // what was answered in X-Amzn-Requestid
	Status       int    // what was answered; 0: nothing, or not yet

	canonical []string // the stored names behind Names
}

// Counts is what was asked of the fake so far.
type Counts struct {
	mu          sync.Mutex
	changed     chan struct{} // closed and replaced at every change, so that any number can wait
	calls       []*Call
	total       map[counted]int
	inFlight    map[Service]int
	maxInFlight map[Service]int
	open        map[net.Conn]Service // the service of a connection's first call; "" before that
	accepted    int
	maxOpen     map[Service]int
}

// counted is what calls are counted by; an empty name counts all.
type counted struct {
	operation Operation
	name      string
}

type connectionKey struct{}

// remembered is how many calls Last and Calls can tell about: a benchmark makes
// more than anyone will read.
const remembered = 4096

func newCounts() *Counts {
	c := &Counts{changed: make(chan struct{}), open: make(map[net.Conn]Service)}
	c.forget()
	return c
}

// Reset begins to count anew. Connections that are open stay known, and count as
// accepted.
func (c *Counts) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	inFlight := c.inFlight
	c.forget()
	c.inFlight, c.maxInFlight = inFlight, maps.Clone(inFlight)
	c.accepted = len(c.open)
	for _, service := range c.open {
		c.maxOpen[service]++
	}
	c.maxOpen[""] = len(c.open)
	c.notify()
}

func (c *Counts) forget() {
	c.calls = nil
	c.total = make(map[counted]int)
	c.inFlight = make(map[Service]int)
	c.maxInFlight = make(map[Service]int)
	c.maxOpen = make(map[Service]int)
	c.accepted = 0
}

// Of returns how often an operation was called; the empty one: all of them.
// Calls that were refused or failed count too.
func (c *Counts) Of(operation Operation) int { return c.OfName(operation, "") }

// OfName returns how often an operation was called for a name: a secret's or
// parameter's own, which counts the calls by ARN and with a selector too, or the
// name as the client spelled it.
func (c *Counts) OfName(operation Operation, name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total[counted{operation, name}]
}

// Connections returns how many connections were accepted.
func (c *Counts) Connections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.accepted
}

// Open returns how many connections are open now.
func (c *Counts) Open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.open)
}

// MaxOpen returns how many connections were open at once, at most; those of one
// service, by their first call, or all of them where service is empty.
func (c *Counts) MaxOpen(service Service) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.maxOpen[service]
}

// InFlight returns how many calls are under way now.
func (c *Counts) InFlight(service Service) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inFlight[service]
}

// MaxInFlight returns how many calls were under way at once, at most.
func (c *Counts) MaxInFlight(service Service) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.maxInFlight[service]
}

// Calls returns the last calls, oldest first, 4096 at most.
func (c *Counts) Calls() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := make([]Call, len(c.calls))
	for i, call := range c.calls {
		calls[i] = *call
		calls[i].Names = slices.Clone(call.Names)
	}
	return calls
}

// Last returns the last call; the zero Call when there was none.
func (c *Counts) Last() Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.calls) == 0 {
		return Call{}
	}
	return *c.calls[len(c.calls)-1]
}

// enter counts a call that begins; what it returns is to be called at its end,
// and does nothing a second time.
func (c *Counts) enter(call *Call, connection net.Conn) (leave func(status int)) {
	service := call.Operation.Service()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.calls) == remembered {
		c.calls = slices.Delete(c.calls, 0, remembered/2)
	}
	c.calls = append(c.calls, call)
	keys := []string{""}
	for _, name := range slices.Concat(call.Names, call.canonical) {
		if !slices.Contains(keys, name) {
			keys = append(keys, name)
		}
	}
	for _, name := range keys {
		c.total[counted{call.Operation, name}]++
		c.total[counted{"", name}]++
	}
	for _, s := range []Service{service, ""} {
		c.inFlight[s]++
		c.maxInFlight[s] = max(c.maxInFlight[s], c.inFlight[s])
		if service == "" {
			break
		}
	}
	if first, known := c.open[connection]; known && first == "" {
		c.open[connection] = service
		c.maxOpen[service] = max(c.maxOpen[service], c.openOf(service))
	}
	c.notify()
	over := false
	return func(status int) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if over {
			return
		}
		over = true
		call.Status = status
		c.inFlight[""]--
		if service != "" {
			c.inFlight[service]--
		}
		c.notify()
	}
}

// openOf counts the open connections of a service. The caller holds the lock.
func (c *Counts) openOf(service Service) int {
	n := 0
	for _, s := range c.open {
		if s == service {
			n++
		}
	}
	return n
}

func (c *Counts) connState(connection net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch state {
	case http.StateNew:
		c.open[connection] = ""
		c.accepted++
		c.maxOpen[""] = max(c.maxOpen[""], len(c.open))
	case http.StateClosed, http.StateHijacked:
		delete(c.open, connection)
	}
	c.notify()
}

func (c *Counts) resetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for connection := range c.open {
		reset(connection)
	}
}
