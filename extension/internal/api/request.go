package api

import (
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/valyala/fasthttp"

	"larder/extension/internal/source"
)

const (
	pathSecret    = "/secretsmanager/get"
	pathParameter = "/systemsmanager/parameters/get"
)

// longestName is the longest that AWS takes, for secrets and parameters alike, in bytes.
const longestName = 2048

// parse finds out what is asked for. The query's strings are borrowed from the request. What was understood
// before a failure is returned with it.
func parse(ctx *fasthttp.RequestCtx) (q source.Query, refresh bool, fail *failure) {
	switch string(ctx.URI().PathOriginal()) {
	case pathSecret:
		q.Service = source.SecretsManager
	case pathParameter, pathParameter + "/": // both directly: not every client follows a redirect
		q.Service = source.ParameterStore
	default:
		return q, false, unknownPath
	}
	if q.Service == source.SecretsManager {
		refresh, fail = parseSecret(ctx.QueryArgs(), &q)
	} else {
		refresh, fail = parseParameter(ctx.QueryArgs(), &q)
	}
	if !ctx.IsGet() && !ctx.IsHead() {
		return q, false, wrongMethod
	}
	return q, refresh, fail
}

// parseSecret reads secretId, versionId, versionStage and refreshNow. Of a parameter that is given twice the
// first counts, an empty one counts as not given, and one that is not known is ignored: callers send junk.
func parseSecret(args *fasthttp.Args, q *source.Query) (refresh bool, fail *failure) {
	var refreshNow string
	for key, value := range args.All() {
		switch string(key) {
		case "secretId":
			fail = take(&q.Name, key, value, fail)
		case "versionId":
			fail = take(&q.VersionID, key, value, fail)
		case "versionStage":
			fail = take(&q.VersionStage, key, value, fail)
		case "refreshNow":
			fail = take(&refreshNow, key, value, fail)
		}
	}
	if q.Name == "" && fail == nil {
		fail = missing("secretId")
	}
	if q.VersionStage == "AWSCURRENT" && q.VersionID == "" {
		q.VersionStage = "" // which is the same
	}
	return isTrue("refreshNow", refreshNow, fail)
}

// parseParameter reads name, version, label, withDecryption and refreshNow. Of version and label the one that
// stands first counts.
func parseParameter(args *fasthttp.Args, q *source.Query) (refresh bool, fail *failure) {
	var refreshNow, withDecryption string
	for key, value := range args.All() {
		switch string(key) {
		case "name":
			fail = take(&q.Name, key, value, fail)
		case "version":
			if q.Selector == "" && fail == nil && len(value) > 0 && !isVersion(value) {
				fail = badValue(string(key), borrow(value), "a whole number")
			}
			fail = take(&q.Selector, key, value, fail)
		case "label":
			fail = take(&q.Selector, key, value, fail)
		case "withDecryption":
			fail = take(&withDecryption, key, value, fail)
		case "refreshNow":
			fail = take(&refreshNow, key, value, fail)
		}
	}
	if q.Name == "" && fail == nil {
		fail = missing("name")
	}
	q.WithDecryption, fail = isTrue("withDecryption", withDecryption, fail)
	return isTrue("refreshNow", refreshNow, fail)
}

// take sets a text that is not set yet. Control characters and what is not UTF-8 cannot be sent to AWS.
func take(to *string, key, value []byte, fail *failure) *failure {
	if *to != "" {
		return fail
	}
	*to = borrow(value)
	if fail == nil && (len(value) > longestName || !isText(value)) {
		return badValue(string(key), *to, "1 to "+strconv.Itoa(longestName)+" bytes of UTF-8 without control characters")
	}
	return fail
}

func isText(value []byte) bool {
	ascii := true
	for _, c := range value {
		if c < ' ' || c == 0x7f {
			return false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return ascii || utf8.Valid(value)
}

func isVersion(value []byte) bool {
	_, err := strconv.ParseUint(borrow(value), 10, 63)
	return err == nil
}

// isTrue reads a truth value, which is false if it is not given; a failure before it stays the one that is told.
func isTrue(key, value string, fail *failure) (bool, *failure) {
	switch {
	case value == "" || value == "0" || strings.EqualFold(value, "false"):
		return false, fail
	case value == "1" || strings.EqualFold(value, "true"):
		return true, fail
	case fail == nil:
		fail = badValue(key, value, "true or false")
	}
	return false, fail
}

// borrow views bytes of the request as a string, which is good until the request is answered.
func borrow(value []byte) string {
	if len(value) == 0 {
		return ""
	}
	return unsafe.String(&value[0], len(value))
}
