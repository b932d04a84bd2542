package config_test

import (
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/config"
)

// variable is one variable with a range: what counts without it, with good values of it, and with bad ones.
type variable struct {
	name     string
	get      func(config.Config) any
	standard any
	good     map[string]any
	bad      []string
	allowed  string // of the warning
	using    string
}

const (
	millis = time.Millisecond
	hour   = time.Hour
)

func ranged() []variable {
	integer := func(least, most string) string { return "a whole number from " + least + " to " + most }
	level := func(c config.Config) any { return c.LogLevel }
	return []variable{
		{
			"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED", func(c config.Config) any { return c.Cache.Enabled }, true,
			map[string]any{"true": true, "TRUE": true, "false": false, "False": false, " false ": false},
			[]string{"0", "1", "yes", "falsch", "true false"}, "true or false", "true",
		}, {
			"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE", func(c config.Config) any { return c.Cache.MaxItems }, 1000,
			map[string]any{"0": 0, "1": 1, "1000": 1000, "1001": 1001, "100000": 100_000},
			[]string{"-1", "100001", "many", "1.5", "1e3", "99999999999999999999", "0x10"}, integer("0", "100000"), "1000",
		}, {
			"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", func(c config.Config) any { return c.Port }, 2773,
			map[string]any{"1": 1, "4000": 4000, "65535": 65535},
			[]string{"0", "65536", "-1", "http", "2773/tcp"}, integer("1", "65535"), "2773",
		}, {
			"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL", level, slog.LevelInfo,
			map[string]any{
				"debug": slog.LevelDebug, "DEBUG": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn,
				"Error": slog.LevelError, "none": config.LevelNone, "NONE": config.LevelNone,
			},
			[]string{"warning", "trace", "4"}, "debug, info, warn, error or none", "info",
		}, {
			"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS", func(c config.Config) any { return c.MaxConnections }, 3,
			map[string]any{"1": 1, "10": 10, "1000": 1000},
			[]string{"0", "-3", "1001", "three"}, integer("1", "1000"), "3",
		}, {
			"SECRETS_MANAGER_TIMEOUT_MILLIS", func(c config.Config) any { return c.SecretsManager.Budget }, config.DefaultBudget,
			map[string]any{"0": config.DefaultBudget, "1": millis, "900000": 900_000 * millis},
			[]string{"-1", "900001", "1s"}, integer("0", "900000"), "0",
		}, {
			"SECRETS_MANAGER_TTL", func(c config.Config) any { return c.SecretsManager.TTL }, 300 * time.Second,
			map[string]any{"0": time.Duration(0), "1": time.Second, "3600": hour, "315360000": 10 * 365 * 24 * hour},
			[]string{"-1", "315360001", "5m", "9223372036854775807"}, integer("0", "315360000"), "300",
		}, {
			"SSM_PARAMETER_STORE_TIMEOUT_MILLIS", func(c config.Config) any { return c.ParameterStore.Budget }, config.DefaultBudget,
			map[string]any{"0": config.DefaultBudget, "250": 250 * millis, "900000": 900_000 * millis},
			[]string{"-1", "900001", "1s"}, integer("0", "900000"), "0",
		}, {
			"SSM_PARAMETER_STORE_TTL", func(c config.Config) any { return c.ParameterStore.TTL }, 300 * time.Second,
			map[string]any{"0": time.Duration(0), "1": time.Second, "3600": hour, "315360000": 10 * 365 * 24 * hour},
			[]string{"-1", "315360001", "5m"}, integer("0", "315360000"), "300",
		}, {
			"LARDER_CACHE_MAX_BYTES", func(c config.Config) any { return c.Cache.MaxBytes }, int64(16 << 20),
			map[string]any{"0": int64(0), "1": int64(1), "8589934592": int64(8 << 30)},
			[]string{"-1", "8589934593", "16MB"}, integer("0", "8589934592"), "16777216",
		}, {
			"LARDER_STALE_IF_ERROR", func(c config.Config) any { return c.Cache.StaleIfError }, hour,
			map[string]any{"0": time.Duration(0), "1": time.Second, "315360000": 10 * 365 * 24 * hour},
			[]string{"-1", "315360001", "1h"}, integer("0", "315360000"), "3600",
		}, {
			"LARDER_STALE_WAIT_MILLIS", func(c config.Config) any { return c.Cache.StaleWait }, 250 * millis,
			map[string]any{"0": time.Duration(0), "1": millis, "900000": 900_000 * millis},
			[]string{"-1", "900001", "250ms"}, integer("0", "900000"), "250",
		}, {
			"LARDER_STALE_WHILE_REVALIDATE", func(c config.Config) any { return c.Cache.StaleWhileRevalidate }, time.Duration(0),
			map[string]any{"0": time.Duration(0), "60": time.Minute, "315360000": 10 * 365 * 24 * hour},
			[]string{"-1", "315360001", "on"}, integer("0", "315360000"), "0",
		}, {
			"LARDER_NEGATIVE_TTL", func(c config.Config) any { return c.Cache.NegativeTTL }, 2 * time.Second,
			map[string]any{"0": time.Duration(0), "1": time.Second, "315360000": 10 * 365 * 24 * hour},
			[]string{"-1", "315360001", "2s"}, integer("0", "315360000"), "2",
		}, {
			"LARDER_BATCH", func(c config.Config) any { return c.Batch }, false,
			map[string]any{"on": true, "ON": true, "off": false, "Off": false},
			[]string{"true", "1", "yes"}, "on or off", "off",
		}, {
			"LARDER_ACCESS_LOG", func(c config.Config) any { return c.Access.Detail }, "all",
			map[string]any{"all": "all", "Summary": "summary", " none ": "none"},
			[]string{"some", "off", "summary,all"}, "all, summary or none", "all",
		}, {
			"LARDER_METRICS", func(c config.Config) any { return c.Access.Metrics }, false,
			map[string]any{"on": true, "ON": true, "off": false},
			[]string{"true", "1", "emf"}, "on or off", "off",
		}, {
			"LARDER_ACCESS_SINK", func(c config.Config) any { return c.Access.Stdout && !c.Access.CloudWatch }, true,
			map[string]any{"stdout": true, "STDOUT": true},
			[]string{"stderr", "cloud", "stdout,cloudwatch"}, "stdout, cloudwatch or both", "stdout",
		}, {
			"LARDER_LOG_GROUP", func(c config.Config) any { return c.Access.LogGroup }, "",
			map[string]any{"/larder/access": "/larder/access", "A.b_c-d/e#1": "A.b_c-d/e#1", strings.Repeat("x", 512): strings.Repeat("x", 512)},
			[]string{"a group", "a:b", "a*", "grüppe", "a\x00b"}, "1 to 512 letters, digits and . _ - / #", "none",
		}, {
			"LARDER_MAX_IN_FLIGHT", func(c config.Config) any { return c.MaxInFlight }, 512,
			map[string]any{"1": 1, "100000": 100_000},
			[]string{"0", "100001", "all"}, integer("1", "100000"), "512",
		}, {
			"AWS_USE_FIPS_ENDPOINT", func(c config.Config) any { return c.AWS.UseFIPS }, false,
			map[string]any{"true": true, "True": true, "false": false},
			[]string{"1", "on"}, "true or false", "false",
		}, {
			"AWS_USE_DUALSTACK_ENDPOINT", func(c config.Config) any { return c.AWS.UseDualStack }, false,
			map[string]any{"true": true, "TRUE": true, "false": false},
			[]string{"1", "on"}, "true or false", "false",
		}, {
			"AWS_MAX_ATTEMPTS", func(c config.Config) any { return c.AWS.MaxAttempts }, 0,
			map[string]any{"0": 0, "1": 1, "100": 100},
			[]string{"-1", "101", "few"}, integer("0", "100"), "0",
		},
	}
}

// Without a variable, and with an empty one, its default counts and nothing is warned of.
func TestDefaults(t *testing.T) {
	for _, v := range ranged() {
		for _, environ := range [][]string{nil, {v.name + "="}, {v.name + "= "}, {v.name}} {
			c, warnings := config.Parse(environ)
			if got := v.get(c); got != v.standard || len(warnings) > 0 {
				t.Errorf("%q: got %v and %v, want %v", environ, got, warnings, v.standard)
			}
		}
	}
}

// A value in range counts, the ends of the range among them, and changes no other setting.
func TestOverrides(t *testing.T) {
	untouched, _ := config.Parse(nil)
	for _, v := range ranged() {
		for value, want := range v.good {
			c, warnings := config.Parse([]string{v.name + "=" + value})
			if got := v.get(c); got != want || len(warnings) > 0 {
				t.Errorf("%s=%q: got %v and %v, want %v", v.name, value, got, warnings, want)
			}
			for _, other := range ranged() {
				if other.name != v.name && other.get(c) != other.get(untouched) {
					t.Errorf("%s=%q changes %s", v.name, value, other.name)
				}
			}
		}
	}
}

// What is malformed or out of range leaves the default, and one warning names variable, value, range and default.
func TestMalformed(t *testing.T) {
	for _, v := range ranged() {
		for _, value := range v.bad {
			c, warnings := config.Parse([]string{v.name + "=" + value})
			if got := v.get(c); got != v.standard {
				t.Errorf("%s=%q: got %v, want %v", v.name, value, got, v.standard)
			}
			checkWarnings(t, warnings, config.Warning{Variable: v.name, Value: value, Allowed: v.allowed, Default: v.using})
			want := fmt.Sprintf("%s is %q: allowed is %s; using %s", v.name, value, v.allowed, v.using)
			if len(warnings) == 1 && warnings[0].String() != want {
				t.Errorf("got  %s\nwant %s", warnings[0], want)
			}
		}
	}
}

func checkWarnings(t *testing.T, got []config.Warning, want ...config.Warning) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("warnings:\ngot  %v\nwant %v", got, want)
	}
}

// What has no range is taken as it stands.
func TestTexts(t *testing.T) {
	c, warnings := config.Parse([]string{
		"AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=key", "AWS_SESSION_TOKEN=session",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=container", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/token",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:9001/credentials",
		"AWS_CA_BUNDLE=/ca.pem",
		"AWS_LAMBDA_RUNTIME_API=127.0.0.1:9001", "AWS_LAMBDA_FUNCTION_NAME=function",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
	})
	checkWarnings(t, warnings)
	aws := config.AWS{
		Region: "eu-west-1", AccessKeyID: "id", SecretAccessKey: "key", SessionToken: "session",
		ContainerURI: "http://127.0.0.1:9001/credentials", ContainerToken: "container", ContainerTokenFile: "/token",
		CABundle: "/ca.pem",
	}
	lambda := config.Lambda{
		RuntimeAPI: "127.0.0.1:9001", FunctionName: "function", FunctionVersion: "$LATEST", InitializationType: "on-demand",
	}
	if !reflect.DeepEqual(c.AWS, aws) || c.Lambda != lambda {
		t.Errorf("got %+v and %+v", c.AWS, c.Lambda)
	}
}

// Without AWS_REGION the SDK's older variable tells the region, and ECS gives a path in place of a whole address.
func TestSecondChoices(t *testing.T) {
	c, warnings := config.Parse([]string{
		"AWS_REGION=", "AWS_DEFAULT_REGION=us-east-1", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/x",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1/ignored",
	})
	checkWarnings(t, warnings)
	if c.AWS.Region != "us-east-1" || c.AWS.ContainerURI != "http://169.254.170.2/v2/credentials/x" {
		t.Errorf("got %+v", c.AWS)
	}
}

// Of a variable that is given twice the first counts, as for every other program of the environment.
func TestDuplicates(t *testing.T) {
	c, warnings := config.Parse([]string{
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=4000", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=5000",
		"LARDER_TOKEN=first=with=equals", "LARDER_TOKEN=second",
	})
	checkWarnings(t, warnings)
	if c.Port != 4000 || c.Token != "first=with=equals" {
		t.Errorf("got port %d and token %q", c.Port, c.Token)
	}
}
