// This file starts a player's server, as often as a measure needs one.

package main

import (
	"context"
	"slices"
	"strconv"

	"larder/extension/internal/lambdatest"
)

// server is a player's process; Larder's has a Lambda of its own.
type server struct {
	*child
	lambda      *lambdatest.API
	invocations int
}

// start starts a player's process and returns at once. Settings are NAME=value, for Larder; an empty one is none.
func (b *bench) start(ctx context.Context, p player, settings ...string) (*server, error) {
	port, err := lambdatest.FreePort(0)
	if err != nil {
		return nil, err
	}
	if p == bare {
		c, err := startChild(ctx, port, []string{}, b.bareServer, strconv.Itoa(port), b.answer)
		return &server{child: c}, err
	}
	lambda, err := lambdatest.Start(lambdatest.Options{FunctionName: "bench"})
	if err != nil {
		return nil, err
	}
	environ := slices.DeleteFunc(settings, func(setting string) bool { return setting == "" })
	c, err := startChild(ctx, port, append(append(environ, b.aws.Environ()...),
		"AWS_LAMBDA_RUNTIME_API="+lambda.Address(),
		"AWS_LAMBDA_FUNCTION_NAME=bench",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+strconv.Itoa(port),
		"PATH=/usr/local/bin:/usr/bin:/bin",
		"LANG=en_US.UTF-8",
		"TZ=:UTC",
	), b.extension)
	if err != nil {
		lambda.Close()
		return nil, err
	}
	return &server{child: c, lambda: lambda}, nil
}

// invoke delivers an invocation, with which the start of an environment is over, and waits until the extension has
// seen it.
func (s *server) invoke(ctx context.Context) error {
	s.lambda.Invoke("")
	s.invocations++
	_, err := s.lambda.WaitNext(ctx, 1+s.invocations)
	return err
}

func (s *server) end() {
	s.kill()
	if s.lambda != nil {
		s.lambda.Close()
	}
}
