package api

import (
	"errors"
	"strconv"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"

	"larder/extension/internal/access"
	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

// exchange is one request with what became of it.
type exchange struct {
	begin   time.Time
	id      string
	idFrom  access.Origin
	traceID string
	query   source.Query // as far as it was understood
	answer  cache.Answer
	failure *failure // nil for success
}

// handle answers one request, and records it.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	begin := time.Now()
	if s.config.Arrived != nil {
		s.config.Arrived()
	}
	defer s.inFlight.leave()
	x := exchange{begin: begin}
	x.identify(s, ctx)
	if s.inFlight.enter() > int64(s.config.MaxInFlight) {
		x.failure = tooManyRequests
		x.query, _, _ = parse(ctx) // for the record alone
	} else {
		s.answer(ctx, &x)
	}
	x.write(ctx)
	s.record(&x)
}

// answer does the work of a request; a bug in it costs this request alone.
func (s *Server) answer(ctx *fasthttp.RequestCtx, x *exchange) {
	defer func() {
		if reason := recover(); reason != nil {
			x.failure = internalError
			if s.config.Panicked != nil {
				s.config.Panicked(reason)
			}
		}
	}()
	if x.failure = s.guard(ctx); x.failure != nil {
		x.query, _, _ = parse(ctx) // for the record alone
		return
	}
	var refresh bool
	if x.query, refresh, x.failure = parse(ctx); x.failure != nil {
		return
	}
	var err error
	if x.answer, err = s.reader.Get(x.query, refresh); err != nil {
		x.failure = upstreamFailure(err)
	}
}

// handleMalformed answers what could not be read as a request.
func (s *Server) handleMalformed(ctx *fasthttp.RequestCtx, err error) {
	if errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		return // there was no request, and there is nobody to answer
	}
	s.inFlight.enter()
	defer s.inFlight.leave()
	x := exchange{begin: time.Now(), id: s.nextID(), idFrom: access.OfLarder, failure: malformed(err)}
	x.write(ctx)
	s.record(&x)
}

// identify finds out what the record and the answer are found by: the client's own ids, else the invocation's, else one
// that is made here.
func (x *exchange) identify(s *Server, ctx *fasthttp.RequestCtx) {
	invocation := s.recorder.Invocation()
	x.traceID = invocation.TraceID
	if own := clientTraceID(&ctx.Request.Header); own != "" {
		x.traceID = own
	}
	switch own := ctx.Request.Header.Peek(headerRequestID); {
	case len(own) > 0 && isID(own):
		x.id, x.idFrom = string(own), access.OfClient
	case invocation.RequestID != "":
		x.id, x.idFrom = invocation.RequestID, access.OfInvocation
	default:
		x.id, x.idFrom = s.nextID(), access.OfLarder
	}
}

// clientTraceID is the trace that the client says its request belongs to; empty if it says none.
func clientTraceID(header *fasthttp.RequestHeader) string {
	if own := header.Peek(headerTraceID); len(own) > 0 {
		return access.TraceID(string(own))
	}
	if own := header.Peek(headerTraceParent); len(own) > 0 {
		return access.TraceIDOfParent(string(own))
	}
	return ""
}

func (s *Server) nextID() string {
	return *s.instance.Load() + "-" + strconv.FormatUint(s.number.Add(1), 10)
}

// isID says that a client's id can be repeated in a header and a record: visible ASCII, not too long.
func isID(id []byte) bool {
	for _, c := range id {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return len(id) <= 128
}
