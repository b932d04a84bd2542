// This file answers /register.

package lambdatest

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Registration is one accepted call of /register.
type Registration struct {
	Name           string   // the Lambda-Extension-Name header
	Events         []string // as the body gave them
	AcceptFeatures []string // the Lambda-Extension-Accept-Feature header, split at commas
	ContentType    string
	Identifier     string    // what was answered in Lambda-Extension-Identifier
	At             time.Time // when the call came in, with Go's monotonic reading
}

// OnRegister sets a function that is called for each /register after it was
// read and before it is answered. It stands for what Lambda does next, starting
// the runtime: a test can try there whether the extension's port is bound.
func (a *API) OnRegister(f func(Registration)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.onRegister = f
}

// Restart forgets the registered process, so that a new one may register, as
// Lambda does after a timeout or a crash of the function. Calls that the old
// process left open are ended; events that it did not fetch are dropped.
// Records and counts go on.
func (a *API) Restart() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current != nil {
		close(a.current.gone)
		a.current = nil
	}
	a.pending = nil
	a.notify()
}

func (a *API) register(w http.ResponseWriter, r *http.Request) {
	registration := Registration{
		Name:           r.Header.Get("Lambda-Extension-Name"),
		AcceptFeatures: splitFeatures(r.Header.Get("Lambda-Extension-Accept-Feature")),
		ContentType:    r.Header.Get("Content-Type"),
		At:             time.Now(),
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var asked struct {
		Events []string `json:"events"`
	}
	malformed := json.Unmarshal(body, &asked) != nil
	registration.Events = asked.Events

	a.mu.Lock()
	hook := a.onRegister
	a.mu.Unlock()
	if hook != nil {
		hook(registration)
	}

	if registration.ContentType != "" && !strings.HasPrefix(registration.ContentType, "application/json") || malformed {
		writeJSON(w, http.StatusForbidden, refusal{"InvalidRequestFormat", "the body of register is not JSON"})
		return
	}
	if why := a.admit(&registration); why != (refusal{}) {
		writeJSON(w, http.StatusForbidden, why)
		return
	}
	answer := map[string]string{
		"functionName":    a.options.FunctionName,
		"functionVersion": a.options.FunctionVersion,
		"handler":         a.options.Handler,
	}
	if slices.Contains(registration.AcceptFeatures, "accountId") {
		answer["accountId"] = a.options.AccountID
	}
	w.Header().Set("Lambda-Extension-Identifier", registration.Identifier)
	writeJSON(w, http.StatusOK, answer)
}

// admit decides on a registration and gives it its identifier.
func (a *API) admit(registration *Registration) refusal {
	if registration.Name == "" || strings.Contains(registration.Name, "/") {
		return refusal{"Extension.InvalidExtensionName", "Lambda-Extension-Name is not the name of an extension"}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current != nil {
		if a.current.asked {
			return refusal{"Extension.RegistrationClosed", "extensions may register during INIT only"}
		}
		return refusal{"Extension.InvalidExtensionState", "an extension of this name is registered already"}
	}
	for _, event := range registration.Events {
		if event == "SHUTDOWN" || event == "INVOKE" && !a.options.ManagedInstances {
			continue
		}
		return refusal{"Extension.InvalidEventType", "cannot register for " + event}
	}
	registration.Identifier = newUUID()
	a.current = &environment{
		identifier: registration.Identifier,
		events:     slices.Clone(registration.Events),
		gone:       make(chan struct{}),
	}
	a.registrations = append(a.registrations, *registration)
	a.notify()
	return refusal{}
}

func splitFeatures(header string) []string {
	var features []string
	for feature := range strings.SplitSeq(header, ",") {
		if feature = strings.TrimSpace(feature); feature != "" {
			features = append(features, feature)
		}
	}
	return features
}
