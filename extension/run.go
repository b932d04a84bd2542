package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"larder/extension/internal/api"
	"larder/extension/internal/lambda"
)

// endTime bounds what is done after SHUTDOWN or a signal: Lambda kills the process 2 s after it told the
// runtime, which goes first.
const endTime = time.Second

// run serves until Lambda or a signal ends it; an error is why it could not. The order of a start is: bind,
// register, serve, wait for events. The function's own code starts once every extension has registered, and may
// read at once.
func run(environ []string, executable string, stdout io.Writer) error {
	debug.SetGCPercent(50)         // half of Go's default, in garbage: the memory is the function's
	signal.Ignore(syscall.SIGPIPE) // whoever reads the log may go away; the reads go on
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()

	x := wire(environ, stdout)
	defer x.writeLog()()
	listeners, failed := x.open()
	if x.config.Lambda.RuntimeAPI == "" {
		if failed != nil {
			return failed
		}
		x.log.Info("serving outside Lambda, until SIGTERM", "port", x.config.Port)
		return x.serve(ctx, listeners, x.untilSignal)
	}
	client := lambda.NewClient(x.config.Lambda.RuntimeAPI)
	if _, err := client.Register(ctx, filepath.Base(executable), x.kind.HasInvokes()); err != nil {
		return err
	}
	if failed != nil {
		return x.report(client.InitError, "Larder.CannotServe", failed)
	}
	err := x.serve(ctx, listeners, func(ctx context.Context) (time.Time, error) { return x.untilShutdown(ctx, client) })
	if err != nil {
		return x.report(client.ExitError, "Larder.Failed", err)
	}
	return nil
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

// serve answers requests until the wait ends, and then finishes before the deadline that it gives.
func (x *extension) serve(ctx context.Context, listeners []net.Listener, wait func(context.Context) (time.Time, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		if err := x.server.Serve(listeners); err != nil {
			cancel(fmt.Errorf("serving: %w", err))
		}
	}()
	deadline, err := wait(ctx)
	closing, done := context.WithDeadline(context.Background(), earlier(deadline, time.Now().Add(endTime/4)))
	defer done()
	_ = x.server.Shutdown(closing) // what is not answered by then has nobody who waits for it
	return err
}

// untilSignal waits outside Lambda.
func (x *extension) untilSignal(ctx context.Context) (time.Time, error) {
	<-ctx.Done()
	return time.Now().Add(endTime), broken(ctx, nil)
}

// untilShutdown waits in Lambda, and handles the events until then.
func (x *extension) untilShutdown(ctx context.Context, client *lambda.Client) (time.Time, error) {
	event, err := lambda.Run(ctx, client, x)
	if err != nil {
		return time.Now().Add(endTime), broken(ctx, err)
	}
	x.log.Debug("shutting down", "reason", event.Reason)
	return event.Deadline(), nil
}

// broken tells a signal, which is no error, from what broke.
func broken(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return err
	case errors.Is(cause, context.Canceled):
		return nil
	default:
		return cause
	}
}

// report tells Lambda why the environment cannot be used, and returns that reason.
func (x *extension) report(tell func(context.Context, string, error) error, errorType string, reason error) error {
	x.log.Error(reason.Error(), "errorType", errorType)
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	return errors.Join(reason, tell(ctx, errorType, reason))
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
