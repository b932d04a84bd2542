// Package access writes down who read what: one JSON line for each read and each refusal.
//
// It holds the record as data, its encoding, and the queue through which all lines of the process reach
// standard output off the path of a request. It must not know how reads are answered, nor what a value, a
// token or a credential is: no field could hold one.
package access

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Record is one read, or one request that was refused. The comments name the fields of its line; empty texts are left
// out there, and numbers of milliseconds have three digits behind the point.
type Record struct {
	// Time is when the answer was ready: "timestamp", RFC 3339 in UTC.
	Time time.Time
	// RequestID is the client's own, or that of the invocation, as far as it is known: "requestId".
	RequestID string
	// RequestIDFrom says whose it is: "requestIdFrom".
	RequestIDFrom Origin
	// TraceID is the client's, or that of the invocation, in X-Ray's form: "traceId".
	TraceID string
	// Source is the service that was read: "source", secretsmanager or ssm.
	Source string
	// Name is the secret or parameter as the caller named it, and Selector its version, label or stage: "name" and
	// "selector".
	Name     string
	Selector string
	// Outcome is how the read ended: "outcome".
	Outcome Outcome
	// Age is how long ago AWS gave the value: "age_ms", whole milliseconds.
	Age time.Duration
	// Duration is from the whole request to the answer: "duration_ms". Upstream is how long AWS took of it:
	// "upstream_ms".
	Duration time.Duration
	Upstream time.Duration
	// Status is the HTTP status: "status".
	Status int
	// Error is a code, such as AccessDeniedException, never a message: "error".
	Error string
	// Action is what the role may not do, such as kms:Decrypt, if AWS says so: "action".
	Action string
	// VersionID is the version that was served: "versionId".
	VersionID string

	// Class is the kind of failure, for metrics; it is not in the line.
	Class string

	// A summary stands for several Reads of one value from memory: "reads". Their ages were between MinAge and MaxAge:
	// "min_age_ms" and "max_age_ms". It has no age, durations and version. Reads 0 is a record of one read.
	Reads          int
	MinAge, MaxAge time.Duration
}

// Origin says whose id a request has.
type Origin string

const (
	// OfClient: the request's own header.
	OfClient Origin = "client"
	// OfInvocation: that of the invocation that began last. The function's request may come before Lambda tells of its
	// invocation, and on Managed Instances none is told of.
	OfInvocation Origin = "invocation"
	// OfLarder: made here.
	OfLarder Origin = "larder"
)

// Outcome says how a read ended.
type Outcome string

const (
	Hit      Outcome = "hit"      // from memory
	Miss     Outcome = "miss"     // from AWS
	Refresh  Outcome = "refresh"  // from AWS, since the caller asked for it
	Stale    Outcome = "stale"    // from memory, past its TTL; Error says why, unless it is being fetched anew
	Negative Outcome = "negative" // with a failure that is remembered
	Error    Outcome = "error"    // there was no value to be had, or the request was malformed
	Denied   Outcome = "denied"   // the caller was refused, by Larder or by AWS
)

// longestText bounds the caller's texts in a line, in bytes: AWS's longest names are 2,048.
const longestText = 2048

// appendTo appends the line's fields that differ from line to line, without braces, each with a comma before it.
func (r *Record) appendTo(line []byte) []byte {
	line = appendText(line, "requestId", r.RequestID)
	line = appendText(line, "requestIdFrom", string(r.RequestIDFrom))
	line = appendText(line, "traceId", r.TraceID)
	line = appendText(line, "source", r.Source)
	line = appendText(line, "name", r.Name)
	line = appendText(line, "selector", r.Selector)
	line = appendText(line, "outcome", string(r.Outcome))
	if r.Reads > 0 {
		line = appendNumber(line, "reads", int64(r.Reads))
		line = appendNumber(line, "min_age_ms", r.MinAge.Milliseconds())
		line = appendNumber(line, "max_age_ms", r.MaxAge.Milliseconds())
		return appendNumber(line, "status", int64(r.Status))
	}
	line = appendNumber(line, "age_ms", r.Age.Milliseconds())
	line = append(line, `,"duration_ms":`...)
	line = appendMillis(line, r.Duration)
	line = append(line, `,"upstream_ms":`...)
	line = appendMillis(line, r.Upstream)
	line = appendNumber(line, "status", int64(r.Status))
	line = appendText(line, "error", r.Error)
	line = appendText(line, "action", r.Action)
	line = appendText(line, "versionId", r.VersionID)
	return line
}

// level is what Lambda's log filter goes by: what a person should look at is a warning.
func (r *Record) level() string {
	if r.Error != "" || r.Outcome == Error || r.Outcome == Denied || r.Outcome == Negative {
		return "WARN"
	}
	return "INFO"
}

func appendText(line []byte, field, text string) []byte {
	if text == "" {
		return line
	}
	line = append(line, `,"`...)
	line = append(line, field...)
	line = append(line, `":"`...)
	line = appendEscaped(line, text)
	return append(line, '"')
}

func appendNumber(line []byte, field string, number int64) []byte {
	line = append(line, `,"`...)
	line = append(line, field...)
	line = append(line, `":`...)
	return strconv.AppendInt(line, number, 10)
}

// appendEscaped writes text as the inside of a JSON string (RFC 8259); what is not UTF-8 becomes U+FFFD.
func appendEscaped(line []byte, text string) []byte {
	const hex = "0123456789abcdef"
	if len(text) > longestText {
		text = text[:longestText]
	}
	start := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' && c != 0x7f {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRuneInString(text[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		line = append(line, text[start:i]...)
		switch {
		case c == '"' || c == '\\':
			line = append(line, '\\', c)
		case c >= utf8.RuneSelf:
			line = append(line, `\ufffd`...)
		default:
			line = append(line, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i += size
		start = i
	}
	return append(line, text[start:]...)
}

// appendMillis writes a duration in milliseconds with three digits behind the point.
func appendMillis(line []byte, d time.Duration) []byte {
	micros := max(d.Microseconds(), 0)
	line = strconv.AppendInt(line, micros/1000, 10)
	if rest := micros % 1000; rest > 0 {
		line = append(line, '.', byte('0'+rest/100), byte('0'+rest/10%10), byte('0'+rest%10))
	}
	return line
}
