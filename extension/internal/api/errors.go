package api

import (
	"errors"
	"net"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"larder/extension/internal/source"
)

// failure is an answer without a value. This file is the one table of them: what happened, the status, the
// code for programs, and the sentence for people.
type failure struct {
	status int
	code   string // goes into X-Larder-Error and the record
	text   string // one line
	kind   string // for metrics
	action string // that the role may not do, if that is known
}

// The kinds of failure that are not AWS's: those have the name of their source.Class.
const (
	refused    = "Refused" // the caller may not ask
	badRequest = "Malformed"
	overloaded = "Overloaded"
	internal   = "Internal"
)

// denied says that the caller was not allowed, as opposed to not served.
func (f *failure) denied() bool { return f.kind == refused || f.kind == source.Denied.String() }

// Refusals that need no more words.
var (
	forwarded   = &failure{fasthttp.StatusBadRequest, "Forwarded", "Forwarded: a request that came through a proxy is not answered", refused, ""}
	foreignHost = &failure{fasthttp.StatusForbidden, "ForbiddenHost", "the Host header must be localhost, 127.0.0.1 or [::1]", refused, ""}
	wrongToken  = &failure{fasthttp.StatusForbidden, "InvalidToken", "the header " + headerToken + " must hold the function's token", refused, ""}

	unknownPath     = &failure{fasthttp.StatusNotFound, "UnknownPath", "no such path: there are " + pathSecret + " and " + pathParameter, badRequest, ""}
	wrongMethod     = &failure{fasthttp.StatusMethodNotAllowed, "MethodNotAllowed", "only GET and HEAD are allowed", badRequest, ""}
	tooManyRequests = &failure{fasthttp.StatusTooManyRequests, "TooManyRequests", "too many requests are in flight: try again, or raise LARDER_MAX_IN_FLIGHT", overloaded, ""}
	internalError   = &failure{fasthttp.StatusInternalServerError, "InternalError", "this request ran into a bug in Larder: please report it with the stack in the log", internal, ""}
)

// awsSentence is what AWS's extension answers to every failure. Clients look for it, so it comes first.
const awsSentence = "an unexpected error occurred while executing request"

func missing(parameter string) *failure {
	return &failure{status: fasthttp.StatusBadRequest, code: "MissingParameter", kind: badRequest,
		text: "the query parameter " + parameter + " is missing or empty"}
}

func badValue(parameter, value, allowed string) *failure {
	const longest = 100
	shown := value[:min(len(value), longest)]
	return &failure{status: fasthttp.StatusBadRequest, code: "InvalidParameter", kind: badRequest,
		text: "the query parameter " + parameter + " is " + strconv.Quote(shown) + ": allowed is " + allowed}
}

// malformed is what the HTTP server could not read.
func malformed(err error) *failure {
	var network net.Error
	switch {
	case errors.As(err, &network) && network.Timeout():
		return &failure{status: fasthttp.StatusRequestTimeout, code: "RequestTimeout", kind: badRequest,
			text: "the request was not complete within " + receiveTime.String() + ": send it whole"}
	case errors.As(err, new(*fasthttp.ErrSmallBuffer)):
		return &failure{status: fasthttp.StatusRequestHeaderFieldsTooLarge, code: "HeadersTooLarge", kind: badRequest,
			text: "request line and headers together are longer than " + strconv.Itoa(maxHeaderBytes) + " bytes"}
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		return &failure{status: fasthttp.StatusRequestEntityTooLarge, code: "BodyTooLarge", kind: badRequest,
			text: "the body is longer than " + strconv.Itoa(maxBodyBytes) + " bytes; a read needs none"}
	}
	return &failure{status: fasthttp.StatusBadRequest, code: "MalformedRequest", kind: badRequest,
		text: "the request is not HTTP/1.1 with a Host header"}
}

// upstreamFailure is a read that AWS did not answer with a value.
func upstreamFailure(err error) *failure {
	var failed *source.Error
	if !errors.As(err, &failed) {
		return internalError
	}
	return &failure{
		status: statusOf(failed.Class),
		code:   failed.Code,
		text:   awsSentence + ": " + failed.Error(),
		kind:   failed.Class.String(),
		action: failed.Action,
	}
}

// statusOf tells a client that retries what it may expect: 4xx, nothing; 5xx, perhaps.
func statusOf(class source.Class) int {
	switch class {
	case source.Invalid, source.NotFound, source.Denied:
		return fasthttp.StatusBadRequest
	case source.Failing, source.Unreadable:
		return fasthttp.StatusBadGateway
	case source.Throttled, source.Unreachable, source.Unauthenticated:
		return fasthttp.StatusServiceUnavailable
	case source.TimedOut:
		return fasthttp.StatusGatewayTimeout
	}
	return fasthttp.StatusInternalServerError
}

func (f *failure) write(ctx *fasthttp.RequestCtx) {
	header := &ctx.Response.Header
	ctx.Response.SetStatusCode(f.status)
	header.SetContentType("text/plain; charset=utf-8")
	header.Set(headerError, oneLine(f.code))
	switch f.status {
	case fasthttp.StatusMethodNotAllowed:
		header.Set(fasthttp.HeaderAllow, "GET, HEAD")
	case fasthttp.StatusTooManyRequests:
		header.Set(fasthttp.HeaderRetryAfter, "1")
	}
	ctx.Response.SetBodyString(oneLine(f.text))
}

// oneLine keeps AWS's messages, and names in them, from breaking a line or a header.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
