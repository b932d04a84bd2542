package api

import (
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"larder/extension/internal/access"
	"larder/extension/internal/cache"
)

// write puts the answer into the response.
func (x *exchange) write(ctx *fasthttp.RequestCtx) {
	var room [64]byte
	header := &ctx.Response.Header
	header.SetCanonical([]byte(headerRequestID), append(room[:0], x.id...))
	if x.answer.Outcome != 0 {
		header.SetCanonical([]byte("Cache-Status"), appendCacheStatus(room[:0], &x.answer))
	}
	if x.failure != nil {
		x.failure.write(ctx)
		return
	}
	header.SetCanonical([]byte("Age"), strconv.AppendInt(room[:0], int64(x.answer.Age/time.Second), 10))
	header.SetContentTypeBytes([]byte("application/json"))
	ctx.Response.SetBodyRaw(x.answer.Body) // rendered when the value came, and never changed
}

// appendCacheStatus writes the field of RFC 9211.
func appendCacheStatus(field []byte, answer *cache.Answer) []byte {
	field = append(field, "larder; "...)
	switch answer.Outcome {
	case cache.Hit, cache.Stale:
		field = append(field, "hit; ttl="...)
		ttl := int64(answer.TTL / time.Second)
		if answer.Outcome == cache.Stale && answer.TTL%time.Second != 0 {
			ttl-- // rounded down: a stale value has less than none
		}
		field = strconv.AppendInt(field, ttl, 10)
		if isToken(answer.Reason) {
			field = append(field, "; detail="...)
			field = append(field, answer.Reason...)
		}
		return field
	case cache.Negative:
		return append(field, "hit; detail=negative"...)
	case cache.Miss:
		field = append(field, "fwd=miss"...)
	case cache.Expired:
		field = append(field, "fwd=stale"...)
	case cache.Refreshed:
		field = append(field, "fwd=request"...)
	case cache.Bypassed:
		field = append(field, "fwd=bypass"...)
	}
	if answer.TTL > 0 {
		field = append(field, "; stored"...)
	}
	if answer.Shared {
		field = append(field, "; collapsed"...)
	}
	return field
}

// isToken says that a code can stand in a header as it is: AWS's are letters and dots.
func isToken(code string) bool {
	for i := range len(code) {
		c := code[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c != '.' && (c < '0' || c > '9')) {
			return false
		}
	}
	return code != "" && len(code) <= 128
}

// record writes the exchange down.
func (s *Server) record(x *exchange) {
	now := time.Now()
	r := access.Record{
		Time:          now,
		RequestID:     x.id,
		RequestIDFrom: x.idFrom,
		TraceID:       x.traceID,
		Source:        x.query.Service.String(),
		Name:          x.query.Name,
		Selector:      x.query.Selector,
		Age:           x.answer.Age,
		Duration:      now.Sub(x.begin),
		Upstream:      min(x.answer.Upstream, now.Sub(x.begin)), // another's call may have begun before
		Status:        fasthttp.StatusOK,
		Error:         x.answer.Reason,
		VersionID:     x.answer.VersionID,
	}
	if r.Selector == "" {
		r.Selector = x.query.VersionID
	}
	if r.Selector == "" {
		r.Selector = x.query.VersionStage
	}
	if x.failure != nil {
		r.Status, r.Error, r.Class, r.Action = x.failure.status, x.failure.code, x.failure.kind, x.failure.action
	}
	r.Outcome = x.outcome()
	s.recorder.Access(r)
}

func (x *exchange) outcome() access.Outcome {
	switch {
	case x.answer.Outcome == cache.Negative:
		return access.Negative
	case x.failure != nil && x.failure.denied():
		return access.Denied
	case x.failure != nil:
		return access.Error
	}
	switch x.answer.Outcome {
	case cache.Hit:
		return access.Hit
	case cache.Stale:
		return access.Stale
	case cache.Refreshed:
		return access.Refresh
	}
	return access.Miss
}
