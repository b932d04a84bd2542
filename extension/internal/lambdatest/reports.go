// This file takes the reports of init/error and exit/error, and holds what all
// calls have in common: the identifier's check and the manner of answering.

package lambdatest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Report is what an extension said on init/error or exit/error.
type Report struct {
	Call         Call   // InitError or ExitError
	Type         string // the Lambda-Extension-Function-Error-Type header
	ErrorMessage string // errorMessage of the body
	ErrorType    string // errorType of the body
	StackTrace   []string
	Body         string // the body as it came
	At           time.Time
}

// refusal is the body of an error of the Extensions API.
type refusal struct {
	ErrorType    string `json:"errorType"`
	ErrorMessage string `json:"errorMessage"`
}

func (a *API) report(call Call) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		report := Report{
			Call: call,
			Type: r.Header.Get("Lambda-Extension-Function-Error-Type"),
			Body: string(body),
			At:   time.Now(),
		}
		var details struct {
			ErrorMessage string   `json:"errorMessage"`
			ErrorType    string   `json:"errorType"`
			StackTrace   []string `json:"stackTrace"`
		}
		if json.Unmarshal(body, &details) == nil {
			report.ErrorMessage, report.ErrorType, report.StackTrace = details.ErrorMessage, details.ErrorType, details.StackTrace
		}
		if why := a.accept(r, report); why != (refusal{}) {
			writeJSON(w, http.StatusForbidden, why)
			return
		}
		writeJSON(w, http.StatusAccepted, map[string]string{"status": "OK"})
	}
}

func (a *API) accept(r *http.Request, report Report) refusal {
	a.mu.Lock()
	defer a.mu.Unlock()
	extension, why := a.identify(r)
	switch {
	case why != (refusal{}):
		return why
	case report.Type == "":
		return refusal{"Extension.MissingHeader", "Lambda-Extension-Function-Error-Type is missing"}
	case report.Call == InitError && extension.asked:
		return refusal{"Extension.InvalidExtensionState", "init/error comes too late, next was called already"}
	}
	extension.ended = true
	a.reports = append(a.reports, report)
	a.notify()
	return refusal{}
}

// identify finds the extension that calls. The caller holds the lock.
func (a *API) identify(r *http.Request) (*environment, refusal) {
	identifier := r.Header.Get("Lambda-Extension-Identifier")
	switch {
	case identifier == "":
		return nil, refusal{"Extension.MissingExtensionIdentifier", "Lambda-Extension-Identifier is missing"}
	case a.current == nil || a.current.identifier != identifier:
		return nil, refusal{"Extension.UnknownExtensionIdentifier", "no extension is registered under this identifier"}
	case a.current.ended:
		return nil, refusal{"Extension.InvalidExtensionState", "the extension reported an error before"}
	}
	return a.current, refusal{}
}

func writeJSON(w http.ResponseWriter, status int, document any) {
	body, err := json.Marshal(document)
	if err != nil {
		body = []byte(strconv.Quote(err.Error()))
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body)
}

// newUUID is a random UUID of version 4 (RFC 9562).
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
