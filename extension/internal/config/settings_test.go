package config_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"larder/extension/internal/config"
)

// mustLogSettings is the line that a log makes of the settings, and the same decoded.
func mustLogSettings(t *testing.T, environ []string) (string, map[string]any) {
	t.Helper()
	c, warnings := config.Parse(environ)
	checkWarnings(t, warnings)
	var line bytes.Buffer
	slog.New(slog.NewJSONHandler(&line, nil)).LogAttrs(t.Context(), slog.LevelInfo, "settings", c.Settings()...)
	decoded := make(map[string]any)
	if err := json.Unmarshal(line.Bytes(), &decoded); err != nil {
		t.Fatal(err)
	}
	return line.String(), decoded
}

// The settings tell of token, credentials and endpoints only that they are there.
func TestSettingsHoldNoSecret(t *testing.T) {
	line, settings := mustLogSettings(t, []string{
		"LARDER_TOKEN=canary-token", "AWS_SESSION_TOKEN=canary-session", "AWS_CONTAINER_AUTHORIZATION_TOKEN=canary-container",
		"AWS_ACCESS_KEY_ID=canary-id", "AWS_SECRET_ACCESS_KEY=canary-key",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://user:canary@127.0.0.1/canary",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/canary",
		"AWS_ENDPOINT_URL=http://user:canary@host", "AWS_ENDPOINT_URL_SSM=http://user:canary@host",
	})
	if strings.Contains(line, "canary") {
		t.Errorf("a secret is in %s", line)
	}
	for _, name := range []string{
		"token", "AWS_ACCESS_KEY_ID", "container_credentials", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_SSM",
	} {
		if settings[name] != true {
			t.Errorf("%s: got %v, want true", name, settings[name])
		}
	}
}

// The settings are those that count, under the variables' own names.
func TestSettingsTellOverrides(t *testing.T) {
	_, settings := mustLogSettings(t, []string{
		"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED=false", "PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE=7",
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=4000", "PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL=none",
		"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS=8", "SECRETS_MANAGER_TIMEOUT_MILLIS=900",
		"SSM_PARAMETER_STORE_TIMEOUT_MILLIS=0", "SECRETS_MANAGER_TTL=3600", "SSM_PARAMETER_STORE_TTL=0",
		"LARDER_CACHE_MAX_BYTES=1024", "LARDER_MAX_IN_FLIGHT=9", "LARDER_STALE_IF_ERROR=60", "LARDER_STALE_WAIT_MILLIS=100",
		"LARDER_STALE_WHILE_REVALIDATE=30", "LARDER_NEGATIVE_TTL=5", "LARDER_BATCH=on", "LARDER_TOKEN=file:///run/token",
		"AWS_REGION=eu-west-1", "AWS_MAX_ATTEMPTS=2", "AWS_CA_BUNDLE=/ca.pem", "AWS_USE_FIPS_ENDPOINT=true",
		"AWS_USE_DUALSTACK_ENDPOINT=true", "AWS_LAMBDA_INITIALIZATION_TYPE=snap-start",
	})
	for name, want := range map[string]any{
		"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED":   false,
		"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE":      7.0,
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT":       4000.0,
		"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL":       "none",
		"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS": 8.0,
		"SECRETS_MANAGER_TIMEOUT_MILLIS":               900.0,
		"SSM_PARAMETER_STORE_TIMEOUT_MILLIS":           float64(config.DefaultBudget.Milliseconds()),
		"SECRETS_MANAGER_TTL":                          3600.0,
		"SSM_PARAMETER_STORE_TTL":                      0.0,
		"LARDER_CACHE_MAX_BYTES":                       1024.0,
		"LARDER_MAX_IN_FLIGHT":                         9.0,
		"LARDER_STALE_IF_ERROR":                        60.0,
		"LARDER_STALE_WAIT_MILLIS":                     100.0,
		"LARDER_STALE_WHILE_REVALIDATE":                30.0,
		"LARDER_NEGATIVE_TTL":                          5.0,
		"LARDER_BATCH":                                 "on",
		"token_from_file":                              true,
		"token":                                        false,
		"AWS_REGION":                                   "eu-west-1",
		"AWS_MAX_ATTEMPTS":                             2.0,
		"AWS_CA_BUNDLE":                                "/ca.pem",
		"AWS_USE_FIPS_ENDPOINT":                        true,
		"AWS_USE_DUALSTACK_ENDPOINT":                   true,
		"AWS_LAMBDA_INITIALIZATION_TYPE":               "snap-start",
	} {
		if settings[name] != want {
			t.Errorf("%s: got %v, want %v", name, settings[name], want)
		}
	}
}
