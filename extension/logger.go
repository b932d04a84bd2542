package main

import (
	"context"
	"io"
	"log/slog"
	"time"
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

// logSettings tells, at level debug, what counts after all defaults.
func (x *extension) logSettings() {
	if x.log.Enabled(context.Background(), slog.LevelDebug) {
		x.log.LogAttrs(context.Background(), slog.LevelDebug, "settings",
			append(x.config.Settings(), slog.String("larder", version))...)
	}
}
