package config_test

import (
	"testing"

	"larder/extension/internal/config"
)

// The first of the token's variables that is set and not empty counts.
func TestTokenPrecedence(t *testing.T) {
	const (
		own       = "LARDER_TOKEN=own"
		session   = "AWS_SESSION_TOKEN=session"
		container = "AWS_CONTAINER_AUTHORIZATION_TOKEN=container"
	)
	for _, row := range []struct {
		environ     []string
		token, file string
	}{
		{nil, "", ""},
		{[]string{container, session, own}, "own", ""},
		{[]string{container, session}, "session", ""},
		{[]string{container}, "container", ""},
		{[]string{"LARDER_TOKEN=", session, container}, "session", ""},
		{[]string{"LARDER_TOKEN= ", "AWS_SESSION_TOKEN= ", container}, "container", ""},
		{[]string{"LARDER_TOKEN=file:///run/token", session}, "", "/run/token"},
		{[]string{"LARDER_TOKEN=file:/run/token", session}, "file:/run/token", ""},
	} {
		c, warnings := config.Parse(row.environ)
		checkWarnings(t, warnings)
		if c.Token != row.token || c.TokenFile != row.file {
			t.Errorf("%q: got %q and file %q, want %q and %q", row.environ, c.Token, c.TokenFile, row.token, row.file)
		}
	}
}

// A file that is not named by an absolute path is warned of, and the function's own token counts; what stands in
// the address is never taken for the token itself.
func TestTokenFileMalformed(t *testing.T) {
	for _, value := range []string{"file://", "file://token", "file://./token"} {
		c, warnings := config.Parse([]string{"LARDER_TOKEN=" + value, "AWS_SESSION_TOKEN=session"})
		if c.Token != "session" || c.TokenFile != "" {
			t.Errorf("%s: got %q and file %q", value, c.Token, c.TokenFile)
		}
		checkWarnings(t, warnings, config.Warning{
			Variable: "LARDER_TOKEN", Value: "(hidden)", // it may be a token all the same
			Allowed: "a token, or file:///absolute/path", Default: "the function's own token",
		})
	}
}
