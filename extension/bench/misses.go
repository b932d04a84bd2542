// This file measures what a read costs that AWS has to be asked for.

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// measureMisses reads names that nobody has read before, and asks the pretended AWS for the same directly: what the
// extension adds is the difference.
func (b *bench) measureMisses(ctx context.Context) error {
	s, err := b.start(ctx, larder)
	if err != nil {
		return err
	}
	defer s.end()
	through, err := dialWhenOpen(ctx, s.port)
	if err != nil {
		return s.broken(err)
	}
	defer through.close()
	_, port, err := net.SplitHostPort(strings.TrimPrefix(b.aws.URL(), "http://"))
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	direct, err := dial(ctx, number)
	if err != nil {
		return err
	}
	defer direct.close()

	const rounds = 5
	for round := range rounds {
		names := b.put(fmt.Sprintf("bench/miss/%d", round), max(1, b.effort.misses/rounds), 64)
		alone, err := b.readEach(direct, names, b.awsRequest)
		if err != nil {
			return fmt.Errorf("asking the pretended AWS: %w", err)
		}
		before, err := s.cpu()
		if err != nil {
			return err
		}
		took, err := b.readEach(through, names, b.request)
		if err != nil {
			return s.broken(err)
		}
		after, err := s.cpu()
		if err != nil {
			return err
		}
		b.figures.add("miss: p50 beyond AWS's own", "ms", lowest, larder, (percentile(took, 50)-percentile(alone, 50))/1000)
		b.figures.add("miss: CPU", "µs", lowest, larder, inMicros(after-before)/float64(len(names)))
	}
	return nil
}

// put puts secrets of a size into the pretended AWS and returns their names.
func (b *bench) put(prefix string, count, size int) []string {
	names := make([]string, count)
	for i := range names {
		names[i] = fmt.Sprintf("%s/%04d", prefix, i)
		b.aws.Secrets.PutString(names[i], valueOf(names[i], size))
	}
	return names
}

// readEach reads every name once, checks that it got that name's value, and returns the microseconds that each took.
func (b *bench) readEach(c *client, names []string, request func(string) []byte) ([]float64, error) {
	took := make([]float64, len(names))
	for i, name := range names {
		asked := request(name)
		begun := time.Now()
		body, _, err := c.get(asked)
		took[i] = inMicros(time.Since(begun))
		if err == nil && !bytes.Contains(body, []byte(`:"value of `+name+` x`)) {
			err = errors.New("the answer does not hold the value")
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
	}
	return took, nil
}

// awsRequest is the call that the extension makes for a read, but for the signature, which the pretended AWS does
// not verify.
func (b *bench) awsRequest(name string) []byte {
	keys := b.aws.Credentials.Keys()
	body := fmt.Sprintf(`{"SecretId":"%s"}`, name)
	return fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.1\r\n"+
		"X-Amz-Target: secretsmanager.GetSecretValue\r\nX-Amz-Security-Token: %s\r\n"+
		"Authorization: AWS4-HMAC-SHA256 Credential=%s/20300101/eu-west-1/secretsmanager/aws4_request, "+
		"SignedHeaders=host, Signature=%064d\r\nContent-Length: %d\r\n\r\n%s",
		keys.SessionToken, keys.AccessKeyID, 0, len(body), body)
}
