package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"larder/extension/internal/api"
	"larder/extension/internal/lambda"
)

// endTime bounds what is done after SHUTDOWN or a signal: Lambda kills the process 2 s after it told the
// runtime, which goes first.
const endTime = time.Second

// run serves until Lambda or a signal ends it, and returns the exit code. The order of a start is: bind,
// register, serve, wait for events. The function's own code starts once every extension has registered, and may
// read at once.
func run(environ []string, executable string, stdout io.Writer) int {
	signal.Ignore(syscall.SIGPIPE) // whoever reads the log may go away; the reads go on
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	x := wire(environ, stdout)
	defer x.writeLog()()
	live := x.inLambda
	if x.config.Lambda.RuntimeAPI == "" {
		live = x.outsideLambda
	}
	if err := live(ctx, filepath.Base(executable)); err != nil {
		newLogger(x.lines, slog.LevelError).Error(err.Error()) // at any log level: it is the last word
		return 1
	}
	return 0
}

// outsideLambda serves until a signal comes.
func (x *extension) outsideLambda(ctx context.Context, _ string) error {
	listeners, err := x.open()
	if err != nil {
		return err
	}
	x.started()
	go x.endMinutes(ctx)
	x.log.Info("serving outside Lambda, until SIGTERM", "port", x.config.Port)
	return x.serve(ctx, listeners, func(ctx context.Context) (time.Time, error) {
		<-ctx.Done()
		return time.Now().Add(endTime), nil
	})
}

// inLambda serves until Lambda shuts the environment down, and tells Lambda what makes that impossible.
func (x *extension) inLambda(ctx context.Context, name string) error {
	listeners, failed := x.open()
	client := lambda.NewClient(x.config.Lambda.RuntimeAPI)
	invokes, err := client.Register(ctx, name, x.kind.HasInvokes())
	if err != nil {
		return err
	}
	if !invokes {
		x.started()
		go x.endMinutes(ctx)
	}
	if failed != nil {
		return tell(client.InitError, "Larder.CannotServe", failed)
	}
	err = x.serve(ctx, listeners, func(ctx context.Context) (time.Time, error) {
		event, err := lambda.Run(ctx, client, x)
		x.log.Debug("the life cycle ended", "reason", event.Reason)
		return event.Deadline(), err
	})
	if err != nil {
		return tell(client.ExitError, "Larder.Failed", err)
	}
	return nil
}

// tell reports to Lambda why the environment cannot be used, and returns that reason.
func tell(report func(context.Context, string, error) error, errorType string, reason error) error {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	if err := report(ctx, errorType, reason); err != nil {
		return fmt.Errorf("%w (and %w)", reason, err)
	}
	return reason
}

// open binds the port, unless there is no token: then nobody could read.
func (x *extension) open() ([]net.Listener, error) {
	if x.token.err != nil {
		return nil, x.token.err
	}
	listeners, err := api.Listen(x.config.Port)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%w: another extension or process has the port; "+
			"set PARAMETERS_SECRETS_EXTENSION_HTTP_PORT to a free one", err)
	}
	return listeners, err
}

// serve answers requests until wait ends, and then finishes before the deadline that wait returns. wait's context
// ends when a signal comes, which is no error, or when the server breaks, which is one.
func (x *extension) serve(ctx context.Context, listeners []net.Listener, wait func(context.Context) (time.Time, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	broken := make(chan error, 1)
	go func() {
		if err := x.server.Serve(listeners); err != nil {
			broken <- fmt.Errorf("serving: %w", err)
			cancel()
		}
	}()
	deadline, err := wait(ctx)
	if ctx.Err() != nil {
		err, deadline = nil, time.Now().Add(endTime)
	}
	// The last quarter is for the log.
	closing, done := context.WithDeadline(context.Background(), earlier(deadline, time.Now().Add(endTime)).Add(-endTime/4))
	defer done()
	x.server.Shutdown(closing)
	select {
	case err = <-broken:
	default:
	}
	return err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
