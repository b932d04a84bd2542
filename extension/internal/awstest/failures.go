// This file holds the ways of failing, and fails: on the connection, where that
// is how it really happens.

package awstest

import (
	"context"
	"net"
	"net/http"
	"strconv"
)

// Fault is one way of failing.
type Fault struct {
	refusal   *apiError
	hang      bool
	reset     bool
	cut       bool
	stall     bool
	status    int
	mediaType string
	body      string
}

// Hang never answers, until the client goes away or the fake is closed.
func Hang() Fault { return Fault{hang: true} }

// Reset resets the connection instead of answering.
func Reset() Fault { return Fault{reset: true} }

// Cut closes the connection half-way through the body of the right answer.
func Cut() Fault { return Fault{cut: true} }

// Stall sends the headers and half of the body of the right answer, and then
// nothing more, until the client goes away or the fake is closed.
func Stall() Fault { return Fault{stall: true} }

// Throttled is how both services refuse a call over the limit.
func Throttled() Fault { return Fault{refusal: throttled()} }

// InternalError is the error 500 in the service's own form.
func InternalError() Fault {
	return Refused(http.StatusInternalServerError, "InternalServiceError", "An error occurred on the server side.")
}

// Unavailable is the error 503 of a load balancer: no JSON, no request of the
// service's.
func Unavailable() Fault {
	return Raw(http.StatusServiceUnavailable, "text/html", "<html><body><h1>503 Service Unavailable</h1></body></html>")
}

// ExpiredToken refuses credentials that are past their time.
func ExpiredToken() Fault {
	return Refused(http.StatusBadRequest, "ExpiredTokenException", "The security token included in the request is expired")
}

// UnrecognizedClient refuses credentials that AWS does not know.
func UnrecognizedClient() Fault {
	return Refused(http.StatusBadRequest, "UnrecognizedClientException", "The security token included in the request is invalid.")
}

// Garbage is a 200 that is no JSON, as a proxy in between may answer.
func Garbage() Fault {
	return Raw(http.StatusOK, "text/html", "<!DOCTYPE html><html><body>Sign in to continue</body></html>")
}

// Refused is any error in the form of the services: Refused(400,
// "DecryptionFailure", "…").
func Refused(status int, code, message string) Fault {
	return Fault{refusal: &apiError{status: status, code: code, message: message}}
}

// Raw is any answer that is not in the form of the services.
func Raw(status int, contentType, body string) Fault {
	return Fault{status: status, mediaType: contentType, body: body}
}

// fail plays a fault of the connection or of what stands in between, in place of
// the right answer.
func (f *Faults) fail(w http.ResponseWriter, r *http.Request, fault Fault, right []byte) {
	switch {
	case fault.hang:
		f.await(r.Context(), nil)
		panic(http.ErrAbortHandler)
	case fault.reset:
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		reset(connection)
		return
	case fault.cut, fault.stall:
		w.Header().Set("Content-Length", strconv.Itoa(len(right)))
		w.Write(right[:len(right)/2])
		http.NewResponseController(w).Flush()
		if fault.stall {
			f.await(r.Context(), nil)
		}
		panic(http.ErrAbortHandler)
	}
	w.Header().Del("X-Amzn-Requestid")
	w.Header().Set("Content-Type", fault.mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(fault.body)))
	w.WriteHeader(fault.status)
	w.Write([]byte(fault.body))
}

// await waits until a channel is closed, and no longer than there is somebody to
// answer: it ends the handler when there is not. That the fake is closed ends the
// connection, and so the context.
func (f *Faults) await(ctx context.Context, ready <-chan struct{}) {
	select {
	case <-ready:
	case <-ctx.Done():
		panic(http.ErrAbortHandler)
	}
}

// reset ends a connection with an RST instead of a FIN, which the other side
// reads as "connection reset by peer".
func reset(connection net.Conn) {
	type wrapped interface{ NetConn() net.Conn } // as a TLS connection is
	raw := connection
	if w, ok := connection.(wrapped); ok {
		raw = w.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	raw.Close()
}
