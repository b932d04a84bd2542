// Package lambda keeps the process alive and on time: it speaks Lambda's Extensions API (2020-01-01) and runs
// the loop of events.
//
// It holds what the platform asks of an extension and what each initialization type permits. It must not know
// what the extension is for: package main tells it what to do at each event.
package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Client calls the Extensions API. It is used by one goroutine.
type Client struct {
	base       string
	http       *http.Client
	identifier string // given at registration, and shown at every later call
}

// NewClient returns a client of the API at address, a host and port, as AWS_LAMBDA_RUNTIME_API has it.
func NewClient(address string) *Client {
	return &Client{
		base: "http://" + address + "/2020-01-01/extension/",
		// No proxy, which the function's variables may name; and no timeout: the wait for an event lasts as long as
		// the environment is frozen.
		http: &http.Client{Transport: &http.Transport{DisableCompression: true}},
	}
}

// Register registers under name, which must be the executable's file name, for INVOKE and SHUTDOWN, or for
// SHUTDOWN alone if invokes is false or Lambda refuses INVOKE, as it does on Managed Instances. It says whether INVOKE
// will come.
func (c *Client) Register(ctx context.Context, name string, invokes bool) (bool, error) {
	events := []string{"SHUTDOWN"}
	if invokes {
		events = []string{"INVOKE", "SHUTDOWN"}
	}
	body, err := json.Marshal(map[string][]string{"events": events})
	if err != nil {
		return false, err
	}
	header, err := c.call(ctx, http.MethodPost, "register", body, nil, "Lambda-Extension-Name", name)
	var refused *refusal
	if invokes && errors.As(err, &refused) && refused.ErrorType == "Extension.InvalidEventType" {
		return c.Register(ctx, name, false)
	}
	if err != nil {
		return false, fmt.Errorf("registering as %s: %w", name, err)
	}
	if c.identifier = header.Get("Lambda-Extension-Identifier"); c.identifier == "" {
		return false, fmt.Errorf("registering as %s: the answer has no Lambda-Extension-Identifier", name)
	}
	return invokes, nil
}

// Next says that the extension has nothing more to do, and waits for the next event.
func (c *Client) Next(ctx context.Context) (Event, error) {
	var event Event
	if _, err := c.call(ctx, http.MethodGet, "event/next", nil, &event); err != nil {
		return Event{}, fmt.Errorf("waiting for the next event: %w", err)
	}
	return event, nil
}

// InitError reports that the extension cannot start; Lambda then ends the environment.
func (c *Client) InitError(ctx context.Context, errorType string, reason error) error {
	return c.report(ctx, "init/error", errorType, reason)
}

// ExitError reports that the extension cannot go on; Lambda then ends the environment.
func (c *Client) ExitError(ctx context.Context, errorType string, reason error) error {
	return c.report(ctx, "exit/error", errorType, reason)
}

func (c *Client) report(ctx context.Context, path, errorType string, reason error) error {
	body, err := json.Marshal(map[string]any{
		"errorMessage": reason.Error(),
		"errorType":    errorType,
		"stackTrace":   []string{},
	})
	if err != nil {
		return err
	}
	if _, err := c.call(ctx, http.MethodPost, path, body, nil, "Lambda-Extension-Function-Error-Type", errorType); err != nil {
		return fmt.Errorf("reporting to %s: %w", path, err)
	}
	return nil
}

// refusal is an answer of the API that is not 2xx.
type refusal struct {
	status       int
	ErrorType    string `json:"errorType"`
	ErrorMessage string `json:"errorMessage"`
}

func (r *refusal) Error() string {
	return strings.TrimSpace(fmt.Sprintf("the Extensions API answered %d %s %s", r.status, r.ErrorType, r.ErrorMessage))
}

// call makes one call, with pairs of header names and values, and decodes the answer into result unless it is nil.
func (c *Client) call(ctx context.Context, method, path string, body []byte, result any, headers ...string) (http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.identifier != "" {
		request.Header.Set("Lambda-Extension-Identifier", c.identifier)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	const longest = 1 << 20
	answer, err := io.ReadAll(io.LimitReader(response.Body, longest))
	if err != nil {
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	if response.StatusCode/100 != 2 {
		refused := &refusal{status: response.StatusCode}
		_ = json.Unmarshal(answer, refused) // without a document, the status alone is told
		return nil, refused
	}
	if result != nil {
		if err := json.Unmarshal(answer, result); err != nil {
			return nil, fmt.Errorf("reading the answer: %w", err)
		}
	}
	return response.Header, nil
}
