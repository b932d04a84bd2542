package access

import "strings"

// TraceID finds the trace's id in the value of X-Amzn-Trace-Id, such as "Root=1-…;Parent=…;Sampled=1"; empty if there is
// none, or one that is not of X-Ray's form.
func TraceID(header string) string {
	for part := range strings.SplitSeq(header, ";") {
		if id, isRoot := strings.CutPrefix(strings.TrimSpace(part), "Root="); isRoot && isTraceID(id) {
			return id
		}
	}
	return ""
}

// isTraceID says that an id is 1, the time and the rest, such as 1-5759e988-bd862e3fe1be46a994272793.
func isTraceID(id string) bool {
	const time, rest = 8, 24
	parts := strings.Split(id, "-")
	return len(parts) == 3 && parts[0] == "1" && len(parts[1]) == time && isHex(parts[1]) && len(parts[2]) == rest && isHex(parts[2])
}

// TraceIDOfParent finds it in a traceparent (W3C Trace Context), such as "00-TRACE-PARENT-01", and writes it in X-Ray's
// form; empty if it is malformed or all zeros.
func TraceIDOfParent(header string) string {
	const trace, parent = 32, 16
	parts := strings.SplitN(header, "-", 5)
	if len(parts) < 4 || len(parts[0]) != 2 || parts[0] == "ff" || !isHex(parts[0]) || len(parts[2]) != parent || len(parts[3]) != 2 {
		return ""
	}
	id := parts[1]
	if len(id) != trace || !isHex(id) || strings.Trim(id, "0") == "" {
		return ""
	}
	return "1-" + id[:8] + "-" + id[8:]
}

// isHex says that a text is of lower-case hexadecimal digits.
func isHex(text string) bool {
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
