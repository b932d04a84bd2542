// This file tells of the rotation, and of the invocation after it.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// rotate gives the secret a new value at AWS, as a rotation does that takes turns between two users.
func (d *demo) rotate(context.Context) error {
	d.current = newCredentials("app_clone")
	d.screen.hide(d.current.Password)
	d.secretVersion = d.aws.Secrets.Rotate(secretName, d.current.json())
	d.screen.scene("ROTATION", "AWS now holds another user and password in %s", secretName)
	return nil
}

// refresh is the INVOKE after the rotation, with a read as a function makes it when the database refuses it.
func (d *demo) refresh(ctx context.Context) error {
	requestID := d.lambda.Invoke("")
	got, err := d.readRefreshed(ctx, requestID)
	if err != nil {
		return err
	}
	if want := d.current.json(); got != want {
		return errors.New("the refreshed read did not give the value that AWS holds")
	}
	if err := d.handle(ctx, "INVOKE 3", requestID); err != nil {
		return err
	}
	d.screen.remark("the first row asked with refreshNow=true, as a function does when its database refuses the password")
	return d.show(ctx, refreshedSecret, cachedSecret, cachedParameter)
}

// readRefreshed reads the secret with refreshNow and returns its text.
func (d *demo) readRefreshed(ctx context.Context, requestID string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	target := url.URL{
		Scheme:   "http",
		Host:     net.JoinHostPort("localhost", strconv.Itoa(d.port)),
		Path:     "/secretsmanager/get",
		RawQuery: url.Values{"secretId": {secretName}, "refreshNow": {"true"}}.Encode(),
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("X-Aws-Parameters-Secrets-Token", d.aws.Credentials.Keys().SessionToken)
	request.Header.Set("X-Larder-Request-Id", requestID)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // and no proxy
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", secretName, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", secretName, err)
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("reading %s: %s: %s", secretName, response.Status, body)
	}
	var value struct{ SecretString string }
	if err := json.Unmarshal(body, &value); err != nil {
		return "", fmt.Errorf("reading %s: %w", secretName, err)
	}
	return value.SecretString, nil
}
