// This file makes what is measured ready: the unpacked layer, the bare server, the pretended AWS, and the bytes that
// both servers write.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

// bench is what all measures share.
type bench struct {
	effort  effort
	figures figures
	aws     *awstest.Server
	folder  string // removed at the end

	layer      string // the zip
	extension  string // its executable
	bareServer string
	answer     string // the file of what the bare server writes
	hit        []byte // the request of a cached read
	body       []byte // and the right body of its answer
}

// hitName is the secret of all cached reads.
const hitName = "bench/hit"

// valueOf is the text of a secret, as long as asked for and unlike any other's.
func valueOf(name string, size int) string {
	value := "value of " + name + " "
	return value + strings.Repeat("x", max(0, size-len(value)))
}

// prepare unpacks the layer and makes all else that is there before the first measure.
func prepare(ctx context.Context, layer string, e effort) (*bench, error) {
	b := &bench{effort: e, layer: layer}
	var err error
	if b.folder, err = os.MkdirTemp("", "larder-bench-"); err != nil {
		return nil, err
	}
	if b.extension, err = lambdatest.Unpack(layer, filepath.Join(b.folder, "opt")); err == nil {
		err = b.furnish(ctx)
	}
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// furnish puts what the extension is measured with beside it.
func (b *bench) furnish(ctx context.Context) (err error) {
	if b.bareServer, err = buildBare(ctx, b.folder); err != nil {
		return err
	}
	if b.aws, err = awstest.Start(awstest.Options{}); err != nil {
		return err
	}
	b.aws.Secrets.PutString(hitName, valueOf(hitName, 64))
	b.hit = b.request(hitName)
	return b.learn(ctx)
}

func (b *bench) close() {
	if b.aws != nil {
		b.aws.Close()
	}
	os.RemoveAll(b.folder)
}

// buildBare builds the bare server as the layer's executable is built. A mode of this program would not do: it would
// start with all that is linked here.
func buildBare(ctx context.Context, folder string) (string, error) {
	executable := filepath.Join(folder, "bare")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w",
		"-o", executable, "larder/extension/bench/bare")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the bare server: %w\n%s", err, output)
	}
	return executable, nil
}

// learn takes down what the extension answers to a cached read, which the bare server then writes, headers and all.
func (b *bench) learn(ctx context.Context) error {
	s, err := b.start(ctx, larder)
	if err != nil {
		return err
	}
	defer s.end()
	c, err := dialWhenOpen(ctx, s.port)
	if err != nil {
		return s.broken(err)
	}
	defer c.close()
	var answer []byte
	for range 2 { // the second one is cached
		if b.body, answer, err = c.get(b.hit); err != nil {
			return s.broken(err)
		}
	}
	b.body = bytes.Clone(b.body)
	var value struct{ Name, SecretString string }
	if err := json.Unmarshal(b.body, &value); err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	if value.Name != hitName || value.SecretString != valueOf(hitName, 64) {
		return errors.New("the extension answers with a wrong value")
	}
	b.answer = filepath.Join(b.folder, "answer")
	return os.WriteFile(b.answer, answer, 0o600)
}

// request is what a function sends to read a secret.
func (b *bench) request(name string) []byte {
	return fmt.Appendf(nil, "GET /secretsmanager/get?secretId=%s HTTP/1.1\r\nHost: localhost\r\n"+
		"X-Aws-Parameters-Secrets-Token: %s\r\n\r\n", name, b.aws.Credentials.Keys().SessionToken)
}
