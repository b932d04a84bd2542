// This file decides how it all looks.

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// screen prints for a person. What is hidden never appears on it.
type screen struct {
	out    io.Writer
	colour bool
	hidden []string
}

// newScreen uses colour if out is a terminal and nobody asked for none (no-color.org).
func newScreen(out *os.File) *screen {
	info, err := out.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	return &screen{out: out, colour: terminal && os.Getenv("NO_COLOR") == ""}
}

// hide names texts that must not be printed by anyone.
func (s *screen) hide(texts ...string) { s.hidden = append(s.hidden, texts...) }

// holdsHidden says that a line holds what must not be printed.
func (s *screen) holdsHidden(line string) bool {
	for _, text := range s.hidden {
		if strings.Contains(line, text) {
			return true
		}
	}
	return false
}

// The styles are those of ECMA-48, which terminals know.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// indent is what stands below a scene's title.
const indent = "            "

func (s *screen) style(style, text string) string {
	if !s.colour || style == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (s *screen) print(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if s.holdsHidden(text) {
		text = s.style(red, "(not shown: it holds a secret's value or a credential)")
	}
	fmt.Fprintln(s.out, strings.TrimRight(text, " "))
}

// title opens the story.
func (s *screen) title(title string, lines ...string) {
	s.print("%s", s.style(bold, title))
	for _, line := range lines {
		s.print("%s", s.style(dim, line))
	}
}

// scene opens a part of the story.
func (s *screen) scene(title, format string, args ...any) {
	s.print("")
	s.print("%s %s", s.style(bold, fmt.Sprintf("%-11s", title)), fmt.Sprintf(format, args...))
}

// remark adds an explanation to a scene.
func (s *screen) remark(format string, args ...any) {
	s.print("%s%s", indent, s.style(dim, fmt.Sprintf(format, args...)))
}

// read prints one row.
func (s *screen) read(r read, asExpected bool) {
	outcome := s.style(map[string]string{
		"cold": yellow, "cached": green, "refreshed": cyan, "failed": red, "remembered": red, "denied": red,
	}[r.outcome()], fmt.Sprintf("%-10s", r.outcome()))
	note := ""
	if r.Upstream > 0 {
		note = s.style(dim, "AWS took "+span(r.Upstream))
	}
	if r.Error != "" {
		note = s.style(dim, r.Error)
	}
	if !asExpected {
		note = s.style(red, fmt.Sprintf("not the expected value: status %d, version %q %s", r.Status, r.VersionID, r.Error))
	}
	s.print(indent+"%-9s  %-20s  %s  %8s   %s", r.kind(), r.Name, outcome, span(r.Duration), note)
}

// total prints a line of the account.
func (s *screen) total(what, format string, args ...any) {
	s.print(indent+"%-16s %s", what, fmt.Sprintf(format, args...))
}

// quote prints a line of the log, folded between its fields.
func (s *screen) quote(line string) {
	const width = 100
	for i, part := range fold(line, width) {
		if i > 0 {
			part = "  " + part
		}
		s.remark("%s", part)
	}
}

// fold cuts a JSON object into lines of about width bytes where a field ends; a longer field stays whole.
func fold(object string, width int) []string {
	const end = `,"` // of a field, with the first byte of the next; inside a text the quote would be escaped
	var lines []string
	line := ""
	for i, field := range strings.Split(object, end) {
		if i > 0 {
			field = `"` + field
			line += ","
		}
		if line != "" && len(line)+len(field) > width {
			lines = append(lines, line)
			line = ""
		}
		line += field
	}
	return append(lines, line)
}

// span writes milliseconds with the digits that matter.
func span(ms float64) string {
	switch {
	case ms < 1:
		return fmt.Sprintf("%.0f µs", ms*1000)
	case ms < 100:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

func millis(d time.Duration) string { return span(float64(d.Microseconds()) / 1000) }

func mebibytes(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
