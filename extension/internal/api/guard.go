package api

import (
	"bytes"
	"context"
	"crypto/subtle"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	headerToken     = "X-Aws-Parameters-Secrets-Token"
	headerRequestID = "X-Larder-Request-Id"
	headerError     = "X-Larder-Error"
	// headerTraceID is X-Ray's, headerTraceParent W3C Trace Context's.
	headerTraceID     = "X-Amzn-Trace-Id"
	headerTraceParent = "Traceparent"
)

// guard checks who asks, before anything is looked at that was asked for; nil lets the request in.
func (s *Server) guard(ctx *fasthttp.RequestCtx) *failure {
	header := &ctx.Request.Header
	switch {
	case len(header.PeekAll("X-Forwarded-For")) > 0 || len(header.PeekAll("Forwarded")) > 0: // empty ones, too
		return forwarded // by a proxy: whoever is behind it is not on this machine
	case !isLoopback(header.Host()):
		return foreignHost
	case !s.knows(header.Peek(headerToken)):
		return wrongToken
	}
	return nil
}

// isLoopback says that a Host header names this machine. A page in a browser whose name was pointed at
// 127.0.0.1 (DNS rebinding) names its own host instead.
func isLoopback(host []byte) bool {
	if i := bytes.LastIndexByte(host, ':'); i >= 0 && isPort(host[i+1:]) {
		host = host[:i]
	}
	const name = "localhost"
	return string(host) == "127.0.0.1" || string(host) == "[::1]" ||
		len(host) == len(name) && bytes.EqualFold(host, []byte(name)) // by length, no other letter folds into one of these
}

// isPort says yes to an empty one, too, as RFC 3986 does.
func isPort(text []byte) bool {
	for _, c := range text {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(text) <= 5
}

// knows compares in constant time. An empty token never matches.
func (s *Server) knows(token []byte) bool {
	if len(token) == 0 {
		return false
	}
	if s.config.Token != "" && subtle.ConstantTimeCompare(token, []byte(s.config.Token)) == 1 {
		return true
	}
	if s.config.IsSessionToken == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	return s.config.IsSessionToken(ctx, token)
}
