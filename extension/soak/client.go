// This file reads from the extension over one connection, by hand, so that it can also be rude.

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// patient bounds how long a client waits for an answer, far beyond what the rules allow: the judge tells how late it
// was.
const patient = 15 * time.Second

// connection is one to the extension.
type connection struct {
	net.Conn
	reader *bufio.Reader
}

func dial(ctx context.Context, address string) (*connection, error) {
	dialer := net.Dialer{Timeout: patient}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{conn, bufio.NewReader(conn)}, nil
}

// request is what a function sends.
func request(n *name, refresh bool, token, id string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: localhost\r\nX-Aws-Parameters-Secrets-Token: %s\r\n"+
		"X-Larder-Request-Id: %s\r\n\r\n", n.target(refresh), token, id)
}

// receive reads an answer into r. What is wrong with it is told in r, too: it is for the judge.
func (c *connection) receive(n *name, r *read) error {
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	r.status, r.code = response.StatusCode, response.Header.Get("X-Larder-Error")
	if echoed := response.Header.Get("X-Larder-Request-Id"); echoed != r.id {
		return fmt.Errorf("the answer is to %q", echoed)
	}
	if err := r.parseCacheStatus(response.Header.Get("Cache-Status")); err != nil {
		return err
	}
	if r.status != http.StatusOK {
		return nil
	}
	if r.age, err = strconv.Atoi(response.Header.Get("Age")); err != nil {
		return fmt.Errorf("reading Age: %w", err)
	}
	return r.parseBody(n, body)
}

// parseCacheStatus reads the field of RFC 9211 as far as Larder writes it.
func (r *read) parseCacheStatus(field string) error {
	parts := strings.Split(field, "; ")
	if len(parts) < 2 || parts[0] != "larder" {
		return fmt.Errorf("Cache-Status is %q", field)
	}
	switch parts[1] {
	case "hit":
		r.outcome = fresh
	case "fwd=request":
		r.outcome = refreshed
	case "fwd=miss", "fwd=stale", "fwd=bypass":
		r.outcome = asked
	default:
		return fmt.Errorf("Cache-Status is %q", field)
	}
	for _, part := range parts[2:] {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "ttl":
			ttl, err := strconv.Atoi(value)
			if err != nil {
				return fmt.Errorf("Cache-Status is %q", field)
			}
			r.ttl = ttl
			if strings.HasPrefix(value, "-") { // even if it is -0
				r.outcome = stale
			}
		case "detail":
			r.reason = value
			r.outcome = stale
			if value == "negative" {
				r.outcome = negative
			}
		}
	}
	return nil
}

// parseBody reads the value, and says which of the name's it is.
func (r *read) parseBody(n *name, body []byte) error {
	var document struct {
		Name         string
		SecretString string
		VersionID    string `json:"VersionId"`
		Parameter    struct {
			Name    string
			Value   string
			Version int64
		}
	}
	if err := json.Unmarshal(body, &document); err != nil {
		return fmt.Errorf("reading the body: %w", err)
	}
	value := document.SecretString
	r.versionID = document.VersionID
	if p := document.Parameter; p.Name != "" {
		document.Name, value, r.versionID = p.Name, p.Value, strconv.FormatInt(p.Version, 10)
	}
	if document.Name == n.text {
		r.number = n.numberOf(value)
	}
	return nil
}
