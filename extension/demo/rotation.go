// This file tells of the rotation, and of the invocation after it.

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
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
	status, body, err := d.ask(ctx, requestID, "/secretsmanager/get?refreshNow=true&secretId="+url.QueryEscape(secretName))
	if err != nil {
		return "", err
	}
	if status != http.StatusOK {
		return "", fmt.Errorf("reading %s: %d: %s", secretName, status, body)
	}
	var value struct{ SecretString string }
	if err := json.Unmarshal(body, &value); err != nil {
		return "", fmt.Errorf("reading %s: %w", secretName, err)
	}
	return value.SecretString, nil
}
