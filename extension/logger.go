package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"larder/extension/internal/cache"
)

// newLogger writes Larder's own messages as JSON lines with the fields that Lambda's log format asks for:
// timestamp, level, message.
func newLogger(out io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{
		Level: level,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Key {
			case slog.TimeKey:
				return slog.String("timestamp", a.Value.Time().UTC().Format(time.RFC3339Nano))
			case slog.MessageKey:
				a.Key = "message"
			}
			return a
		},
	})).With("type", "larder")
}

// logOutage tells when a service cannot be read any more, and when it can be again: once each, not for every read.
func (x *extension) logOutage(o cache.Outage) {
	if !o.Over {
		x.log.Warn("AWS cannot be read: values are served past their TTL meanwhile",
			"service", o.Service.String(), "reason", o.Reason)
		return
	}
	x.log.Info("AWS can be read again", "service", o.Service.String(), "reason", o.Reason,
		"stale_reads", o.Stale, "lasted_ms", o.Lasted.Milliseconds())
}

// logDelivery tells when lines cannot be delivered to CloudWatch Logs, and when they can be again.
func (x *extension) logDelivery(operation, code string) {
	switch {
	case code == "":
		x.log.Info("CloudWatch Logs takes access records again", "group", x.config.Access.LogGroup)
	case strings.Contains(code, "AccessDenied"):
		x.log.Warn("access records cannot be delivered to CloudWatch Logs: allow logs:"+operation,
			"group", x.config.Access.LogGroup, "error", code, "action", "logs:"+operation)
	default:
		x.log.Warn("access records cannot be delivered to CloudWatch Logs: they wait, and the oldest are dropped when there are too many",
			"group", x.config.Access.LogGroup, "error", code, "operation", operation)
	}
}

// logBatchDenied tells why reads go one by one from now on.
func (x *extension) logBatchDenied(action string) {
	x.log.Warn("the role may not read several values in one call, so they are read one by one: "+
		"allow "+action+", or set LARDER_BATCH=off", "action", action)
}

// logPanic reports a bug where it is recovered. A runtime error's text is the Go runtime's; any other could hold a
// value.
func (x *extension) logPanic(reason any) {
	text := "a panic"
	var ofRuntime runtime.Error
	if failed, isError := reason.(error); isError && errors.As(failed, &ofRuntime) {
		text = ofRuntime.Error()
	}
	x.log.Error("a read ran into a bug", "reason", text, "stack", string(debug.Stack()))
}

// logSettings tells, at level debug, what counts after all defaults.
func (x *extension) logSettings() {
	if x.log.Enabled(context.Background(), slog.LevelDebug) {
		x.log.LogAttrs(context.Background(), slog.LevelDebug, "settings",
			append(x.config.Settings(), slog.String("larder", version))...)
	}
}
