package api

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"larder/extension/internal/access"
	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// Reader answers reads; a *cache.Cache is one. Its errors are of type *source.Error.
type Reader interface {
	// Get may be given borrowed strings, and copies those that it keeps.
	Get(q source.Query, refresh bool) (cache.Answer, error)
}

// Recorder takes the records; a *access.Recorder is one.
type Recorder interface {
	Access(access.Record)
	Invocation() access.Invocation
}

// Config says who is let in.
type Config struct {
	// Token is what callers have to send; empty lets nobody in.
	Token string
	// IsSessionToken knows other tokens that are taken as well, and may have to fetch them; nil for none.
	IsSessionToken func(ctx context.Context, token []byte) bool
	// MaxInFlight bounds the requests that are being answered at one time; at least 1.
	MaxInFlight int
	// Instance begins the ids of requests that belong to no invocation yet.
	Instance string
	// Arrived is called before a request is looked at; nil for nothing.
	Arrived func()
	// Panicked is told of a bug that a request ran into; nil ignores it.
	Panicked func(reason any)
}

// Server answers requests.
type Server struct {
	config   Config
	reader   Reader
	recorder Recorder
	http     *fasthttp.Server
	inFlight gauge
	instance atomic.Pointer[string]
	number   atomic.Uint64 // requests so far, of no invocation

	mu        sync.Mutex
	listeners []net.Listener
	closed    bool
}

const (
	// maxHeaderBytes holds a session token, a traceparent and the longest ARN several times over.
	maxHeaderBytes = 16 << 10
	// maxBodyBytes is for clients that send one with a GET; it is read and ignored.
	maxBodyBytes = 64 << 10
)

// New returns a server that is not serving yet.
func New(cfg Config, reader Reader, recorder Recorder) *Server {
	s := &Server{config: cfg, reader: reader, recorder: recorder, inFlight: newGauge()}
	s.Rename(cfg.Instance)
	s.http = &fasthttp.Server{
		Handler:               s.handle,
		ErrorHandler:          s.handleMalformed,
		ConnState:             follow,
		ReadBufferSize:        maxHeaderBytes,
		MaxRequestBodySize:    maxBodyBytes,
		NoDefaultServerHeader: true,
		CloseOnShutdown:       true,
		SecureErrorLogMessage: true, // else its messages would quote headers, and the token with them
		Logger:                silent{},
	}
	return s
}

// Rename replaces what the ids of requests begin with that belong to no invocation.
func (s *Server) Rename(instance string) { s.instance.Store(&instance) }

// Serve answers requests on the listeners until one of them breaks, or Shutdown was called, which is no error. It
// is called once.
func (s *Server) Serve(listeners []net.Listener) error {
	s.mu.Lock()
	s.listeners = listeners
	if s.closed {
		s.closeListeners()
	}
	s.mu.Unlock()
	failed := make(chan error, len(listeners))
	for _, listener := range listeners {
		go func() { failed <- s.http.Serve(timed{listener}) }()
	}
	for range listeners {
		if err := <-failed; err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
	}
	return nil
}

// Shutdown closes the port and waits, as long as ctx lets it, until the requests that came before are answered and
// recorded. Connections on which nothing is asked are not waited for.
func (s *Server) Shutdown(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	s.closeListeners() // here, since the HTTP server knows only of those that it has begun to serve
	s.mu.Unlock()
	ending, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		_ = s.http.ShutdownWithContext(ending) // no more requests on the connections that are open
		close(ended)
	}()
	s.inFlight.wait(ctx)
	const sending = 20 * time.Millisecond // an answer is on its way after its request has left the gauge
	select {
	case <-ended:
	case <-time.After(sending):
	}
}

func (s *Server) closeListeners() {
	for _, listener := range s.listeners {
		listener.Close()
	}
}

// Settle waits until no request is being answered, and so until each is recorded, or ctx is done.
func (s *Server) Settle(ctx context.Context) { s.inFlight.wait(ctx) }

// silent is for the HTTP server's own log: what it has to say is in the record already.
type silent struct{}

func (silent) Printf(string, ...any) {}
