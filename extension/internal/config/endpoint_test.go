package config_test

import (
	"fmt"
	"strings"
	"testing"

	"larder/extension/internal/config"
)

// A service's own endpoint goes before the one of all services.
func TestEndpoints(t *testing.T) {
	const all, secrets, parameters, logs = "http://all.example", "https://secrets.example/path", "http://127.0.0.1:4566", "https://logs.example"
	for _, row := range []struct {
		environ                              []string
		secretsManager, parameterStore, logs string
	}{
		{nil, "", "", ""},
		{[]string{"AWS_ENDPOINT_URL=" + all}, all, all, all},
		{[]string{"AWS_ENDPOINT_URL=" + all, "AWS_ENDPOINT_URL_SECRETS_MANAGER=" + secrets}, secrets, all, all},
		{[]string{"AWS_ENDPOINT_URL=" + all, "AWS_ENDPOINT_URL_SSM=" + parameters}, all, parameters, all},
		{[]string{"AWS_ENDPOINT_URL=" + all, "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS=" + logs}, all, all, logs},
		{[]string{"AWS_ENDPOINT_URL_SSM=" + parameters}, "", parameters, ""},
		{[]string{"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS=" + logs}, "", "", logs},
	} {
		c, warnings := config.Parse(row.environ)
		checkWarnings(t, warnings)
		if c.SecretsManager.Endpoint != row.secretsManager || c.ParameterStore.Endpoint != row.parameterStore || c.Access.Endpoint != row.logs {
			t.Errorf("%q: got %q, %q and %q", row.environ, c.SecretsManager.Endpoint, c.ParameterStore.Endpoint, c.Access.Endpoint)
		}
	}
}

// An address that no call could be sent to is warned of; the next variable counts.
func TestEndpointMalformed(t *testing.T) {
	for _, value := range []string{"secrets.example", "ftp://secrets.example", "http://", "https:///path", "http://a b", ":80", "http://[::1"} {
		c, warnings := config.Parse([]string{"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + value, "AWS_ENDPOINT_URL=http://all.example"})
		if c.SecretsManager.Endpoint != "http://all.example" {
			t.Errorf("%s: got %q", value, c.SecretsManager.Endpoint)
		}
		if len(warnings) != 1 || warnings[0].Variable != "AWS_ENDPOINT_URL_SECRETS_MANAGER" || warnings[0].Value != value {
			t.Errorf("%s: got %v", value, warnings)
		}
	}
}

// One malformed variable is one warning, though both services read it.
func TestEndpointWarnedOfOnce(t *testing.T) {
	_, warnings := config.Parse([]string{"AWS_ENDPOINT_URL=all.example"})
	if len(warnings) != 1 {
		t.Errorf("got %d warnings: %v", len(warnings), warnings)
	}
}

// An address may hold a password, which no warning repeats.
func TestEndpointHidesUser(t *testing.T) {
	for _, name := range []string{
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSM", "AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI",
	} {
		for _, value := range []string{
			"ftp://user:canary@host", "user:canary@host", "http://user:canary@", "http://user:canary@[::1", "//canary@host",
		} {
			_, warnings := config.Parse([]string{name + "=" + value})
			if len(warnings) == 0 {
				t.Errorf("%s=%s: no warning", name, value)
			}
			if text := fmt.Sprint(warnings); strings.Contains(text, "canary") {
				t.Errorf("%s=%s: the warning holds the password: %s", name, value, text)
			}
		}
	}
}

// Of a long value a warning repeats the beginning only, and stays valid UTF-8.
func TestWarningShortens(t *testing.T) {
	value := strings.Repeat("x", 99) + "ü" + strings.Repeat("y", 1000)
	_, warnings := config.Parse([]string{"SECRETS_MANAGER_TTL=" + value})
	if len(warnings) != 1 || warnings[0].Value != strings.Repeat("x", 99)+"…" {
		t.Errorf("got %v", warnings)
	}
}
