// This file speaks to the extension.

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// timeout guards against no answer at all: the extension answers within its own time budget, with the reason if AWS
// is slow.
const timeout = 3 * time.Second

// maxAnswer is far above the 64 KiB that a secret may have, however its characters are escaped.
const maxAnswer = 1 << 20

// readError says what could not be read and why. Neither field ever holds a value.
type readError struct {
	what, reason, code string
}

func (e *readError) Error() string { return fmt.Sprintf("reading %s: %s", e.what, e.reason) }

// layer reads values from the extension beside the function.
type layer struct {
	client http.Client
	base   string
	token  string
}

func newLayer(port, token string) *layer {
	// A transport of its own, because the default one would ask HTTP_PROXY first.
	client := http.Client{Timeout: timeout, Transport: &http.Transport{}}
	return &layer{client: client, base: "http://localhost:" + port, token: token}
}

// credentials are what a database's secret holds: all that a function needs to connect.
type credentials struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Engine   string `json:"engine"`
	Host     string `json:"host"`
	// Port is a number in the secrets that RDS makes, and often a string in those that people make.
	Port                 json.Number `json:"port"`
	DBInstanceIdentifier string      `json:"dbInstanceIdentifier"`
}

// credentials returns the secret's content, or a *readError.
func (l *layer) credentials(ctx context.Context, name string) (credentials, error) {
	what := "secret " + name
	var output struct{ SecretString string }
	if err := l.read(ctx, what, "/secretsmanager/get", url.Values{"secretId": {name}}, &output); err != nil {
		return credentials{}, err
	}
	var secret credentials
	err := json.Unmarshal([]byte(output.SecretString), &secret)
	if err != nil || secret.Username == "" || secret.Password == "" || secret.Host == "" {
		// The decoder's error may quote the secret.
		return credentials{}, &readError{what, "it is not a JSON object with username, password and host", "MalformedSecret"}
	}
	return secret, nil
}

// parameter returns the parameter's value, or a *readError.
func (l *layer) parameter(ctx context.Context, name string) (string, error) {
	var output struct{ Parameter struct{ Value string } }
	query := url.Values{"name": {name}, "withDecryption": {"true"}}
	if err := l.read(ctx, "parameter "+name, "/systemsmanager/parameters/get", query, &output); err != nil {
		return "", err
	}
	return output.Parameter.Value, nil
}

// read decodes the extension's answer into output. Its errors are *readError.
func (l *layer) read(ctx context.Context, what, path string, query url.Values, output any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.base+path+"?"+query.Encode(), nil)
	if err != nil {
		return &readError{what, err.Error(), "MalformedRequest"}
	}
	request.Header.Set("X-Aws-Parameters-Secrets-Token", l.token)
	response, err := l.client.Do(request)
	if err != nil {
		return &readError{what, "no answer from the extension: " + err.Error(), "NoAnswer"}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return &readError{what, "no whole answer from the extension: " + err.Error(), "NoAnswer"}
	}
	if response.StatusCode != http.StatusOK {
		code := cmp.Or(response.Header.Get("X-Larder-Error"), fmt.Sprintf("Status%d", response.StatusCode))
		return &readError{what, strings.TrimSpace(string(body)), code}
	}
	if err := json.Unmarshal(body, output); err != nil {
		return &readError{what, "the answer is not the JSON that was expected", "MalformedAnswer"}
	}
	return nil
}
