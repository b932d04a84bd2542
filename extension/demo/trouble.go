// This file lets reads fail, as a mistyped name and a forgotten permission do.

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	missingSecret   = "prod/db-credential" // a letter is missing
	deniedParameter = "/prod/config/api-key"
)

// trouble reads a secret that there is not, twice, and a parameter that the role may not read.
func (d *demo) trouble(ctx context.Context) error {
	d.aws.Parameters.PutString(deniedParameter, "nobody reads it")
	d.aws.Parameters.Deny(deniedParameter)
	requestID := d.lambda.Invoke("")
	if err := d.unlessEnded(ctx, d.idle); err != nil {
		return err
	}
	d.screen.scene("INVOKE 4", "another function reads a secret whose name it mistypes, and a parameter that its role may not read")
	for _, target := range []string{
		"/secretsmanager/get?secretId=" + url.QueryEscape(missingSecret),
		"/secretsmanager/get?secretId=" + url.QueryEscape(missingSecret),
		"/systemsmanager/parameters/get?name=" + url.QueryEscape(deniedParameter),
	} {
		status, body, err := d.ask(ctx, requestID, target)
		if err != nil {
			return err
		}
		if status != http.StatusBadRequest {
			return fmt.Errorf("a read that cannot succeed was answered %d: %s", status, body)
		}
	}
	return d.show(ctx, "failed "+missingSecret, "remembered "+missingSecret, "denied "+deniedParameter)
}

// ask reads as a function does, and returns status and body.
func (d *demo) ask(ctx context.Context, requestID, target string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	address := "http://" + net.JoinHostPort("localhost", strconv.Itoa(d.port)) + target
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("X-Aws-Parameters-Secrets-Token", d.aws.Credentials.Keys().SessionToken)
	request.Header.Set("X-Larder-Request-Id", requestID)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // and no proxy
	response, err := client.Do(request)
	if err != nil {
		return 0, nil, fmt.Errorf("reading: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return 0, nil, fmt.Errorf("reading: %w", err)
	}
	return response.StatusCode, body, nil
}
