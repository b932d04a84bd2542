// This file makes calls of the Extensions API fail, for the tests of what an
// extension does then.

package lambdatest

import (
	"encoding/json"
	"net"
	"net/http"
	"strconv"
)

// Call names one call of the Extensions API.
type Call string

// The calls of the Extensions API, by the last part of their paths.
const (
	Register  Call = "register"
	Next      Call = "event/next"
	InitError Call = "init/error"
	ExitError Call = "exit/error"
)

// Fault is how a call fails. Exactly one of Status, Reset and Hang is set. Where
// Go's client meets a reset on a connection that served before, it repeats a GET
// by itself: let two calls of next fail to have one of them seen.
type Fault struct {
	Status int    // answer this status
	Body   string // with this body
	Reset  bool   // reset the connection, without an answer
	Hang   bool   // never answer, until the caller or the fake goes away
}

// Refusal is a fault in the form of the API's own errors, such as
// Refusal(403, "Extension.TooManyExtensions", "…").
func Refusal(status int, errorType, message string) Fault {
	body, _ := json.Marshal(refusal{errorType, message}) // Two strings always marshal.
	return Fault{Status: status, Body: string(body)}
}

type scheduledFault struct {
	fault Fault
	times int
}

// Fail lets the next calls of this kind fail, as many as times says; all of them
// where times is negative; none any more where it is 0. A next that is being
// waited in fails at once.
func (a *API) Fail(call Call, fault Fault, times int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults[call] = &scheduledFault{fault, times}
	a.notify()
}

// takeFault returns the fault that is due for a call, if any. The caller holds
// the lock.
func (a *API) takeFault(call Call) *Fault {
	scheduled := a.faults[call]
	if scheduled == nil || scheduled.times == 0 {
		return nil
	}
	if scheduled.times > 0 {
		scheduled.times--
	}
	return &scheduled.fault
}

func (a *API) fail(w http.ResponseWriter, r *http.Request, fault Fault) {
	switch {
	case fault.Hang:
		select {
		case <-r.Context().Done():
		case <-a.done:
		}
		panic(http.ErrAbortHandler)
	case fault.Reset:
		resetConnection(w)
	default:
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(fault.Body)))
		w.WriteHeader(fault.Status)
		w.Write([]byte(fault.Body))
	}
}

// resetConnection ends the connection with an RST instead of a FIN, which the
// other side reads as "connection reset by peer".
func resetConnection(w http.ResponseWriter) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := connection.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	connection.Close()
}
