// This file sets the stage: the pretended AWS with all values, the pretended Lambda, and the extension's process.

package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

// stage is what all who act share.
type stage struct {
	plan    *plan
	aws     *awstest.Server
	lambda  *lambdatest.API
	process *process
	address string // of the extension
	token   string
	origin  time.Time
}

// now is the time since the run began.
func (s *stage) now() moment { return time.Since(s.origin) }

// newStage starts everything, and waits until the extension has come to rest.
func newStage(ctx context.Context, executable string, p *plan) (s *stage, err error) {
	s = &stage{plan: p, token: canary + "-session-token", origin: time.Now()}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.aws, err = awstest.Start(awstest.Options{}); err != nil {
		return s, err
	}
	s.aws.Credentials.SetKeys(awstest.Keys{
		AccessKeyID:     "ASIA" + canary + "0001",
		SecretAccessKey: canary + "-secret-access-key",
		SessionToken:    s.token,
	})
	if s.lambda, err = lambdatest.Start(lambdatest.Options{}); err != nil {
		return s, err
	}
	port, err := lambdatest.FreePort(0)
	if err != nil {
		return s, err
	}
	s.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	environ := append(s.aws.Environ(),
		"AWS_LAMBDA_RUNTIME_API="+s.lambda.Address(),
		"AWS_LAMBDA_FUNCTION_NAME=soak",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+strconv.Itoa(port),
		"TZ=:UTC")
	if s.process, err = startProcess(ctx, executable, append(environ, p.settings.environ()...)); err != nil {
		return s, err
	}
	if err := s.idle(ctx); err != nil {
		return s, s.process.broken(err)
	}
	s.origin = time.Now()
	return s, nil
}

// idle waits until the extension waits for an event.
func (s *stage) idle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	go func() {
		select {
		case <-s.process.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	if _, err := s.lambda.WaitIdle(ctx); err != nil {
		return fmt.Errorf("the extension (ended: %t): %w", s.process.hasEnded(), err)
	}
	return nil
}

func (s *stage) close() {
	if s.process != nil {
		s.process.kill()
	}
	if s.lambda != nil {
		s.lambda.Close()
	}
	if s.aws != nil {
		s.aws.Close()
	}
}
