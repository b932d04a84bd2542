// Package lambdatest is a fake of Lambda's Extensions API (2020-01-01) that a
// test or a demonstration steps through the life cycle of one execution
// environment.
//
// Nothing happens by itself: INVOKE and SHUTDOWN are delivered when the caller
// asks for them, so that a test can stand at any point of the life cycle for as
// long as it likes, wait until the extension has arrived there, and read from
// the time stamps what happened in which order.
//
// The package talks HTTP on a loopback port and knows nothing of the extension
// but what comes over that wire. It must not import any other package of this
// module.
package lambdatest

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options say which environment is played. The zero value is an on-demand
// function called "function" in eu-west-1.
type Options struct {
	// FunctionName, FunctionVersion, Handler and AccountID are what register
	// answers. Empty: "function", "$LATEST", "index.handler", "123456789012".
	FunctionName    string
	FunctionVersion string
	Handler         string
	AccountID       string

	// FunctionARN is the invokedFunctionArn of an INVOKE. Empty: made of
	// FunctionName and AccountID, in eu-west-1.
	FunctionARN string

	// ManagedInstances plays Lambda Managed Instances: who registers for INVOKE
	// is refused with 403 Extension.InvalidEventType.
	ManagedInstances bool

	// Other answers every path that is not of the Extensions API, for example
	// a Runtime API on the same address. Nil: 404.
	Other http.Handler

	// Address is what to listen on. Empty: a free port of 127.0.0.1.
	Address string
}

// API is one running fake. Its methods may be called from any goroutine.
type API struct {
	options  Options
	listener net.Listener
	server   *http.Server
	done     chan struct{}
	closing  sync.Once

	mu            sync.Mutex
	changed       chan struct{} // closed and replaced at every change, so that any number can wait
	onRegister    func(Registration)
	registrations []Registration
	current       *environment
	pending       []*Delivery
	deliveries    []Delivery
	nexts         []time.Time
	reports       []Report
	calls         []CallRecord
	faults        map[Call]*scheduledFault
}

// environment is what is remembered of the process that is registered now.
type environment struct {
	identifier string
	events     []string
	waiting    bool // a next is being held open
	asked      bool // a first next came, so that INIT is over for this extension
	ended      bool // init/error or exit/error was reported
	gone       chan struct{}
}

// Start listens and serves until Close.
func Start(options Options) (*API, error) {
	options = options.filledIn()
	listener, err := net.Listen("tcp", options.Address)
	if err != nil {
		return nil, fmt.Errorf("listening for the Extensions API: %w", err)
	}
	a := &API{
		options:  options,
		listener: listener,
		done:     make(chan struct{}),
		changed:  make(chan struct{}),
		faults:   make(map[Call]*scheduledFault),
	}
	a.server = &http.Server{Handler: a.routes()}
	go a.server.Serve(listener) // It returns when Close is called, and only then.
	return a, nil
}

// Close ends every call that is being held and stops listening. A second Close
// does nothing.
func (a *API) Close() {
	a.closing.Do(func() {
		close(a.done)
		a.listener.Close() // The server closes it too, but only once Serve has got that far.
		a.server.Close()
	})
}

// Address is host:port, as it belongs into AWS_LAMBDA_RUNTIME_API.
func (a *API) Address() string { return a.listener.Addr().String() }

func (o Options) filledIn() Options {
	fill := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	fill(&o.FunctionName, "function")
	fill(&o.FunctionVersion, "$LATEST")
	fill(&o.Handler, "index.handler")
	fill(&o.AccountID, "123456789012")
	fill(&o.FunctionARN, "arn:aws:lambda:eu-west-1:"+o.AccountID+":function:"+o.FunctionName)
	fill(&o.Address, "127.0.0.1:0")
	if o.Other == nil {
		o.Other = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			writeJSON(w, http.StatusNotFound, refusal{"NotFound", "no such path: " + r.URL.Path})
		})
	}
	return o
}

func (a *API) routes() http.Handler {
	const prefix = "/2020-01-01/extension/"
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+prefix+"register", a.recorded(Register, a.register))
	mux.HandleFunc("GET "+prefix+"event/next", a.recorded(Next, a.next))
	mux.HandleFunc("POST "+prefix+"init/error", a.recorded(InitError, a.report(InitError)))
	mux.HandleFunc("POST "+prefix+"exit/error", a.recorded(ExitError, a.report(ExitError)))
	mux.Handle("/", a.options.Other)
	return mux
}
