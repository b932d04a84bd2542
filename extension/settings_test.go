package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// setting is one variable of the environment.
type setting struct {
	variable string
	standard string // the default, as the log tells it
	override string
	shown    string // the override, as the log tells it; empty: as it is
	allowed  string // what a warning has to say
	bad      []string
}

// maxBytes is the default of LARDER_CACHE_MAX_BYTES.
const maxBytes = "16777216"

func settings() []setting {
	const integer = "a whole number from "
	return []setting{
		{"PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED", "true", "FALSE", "false", "true or false", []string{"yes", "0", "tru"}},
		{"PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE", "1000", "100000", "", integer + "0 to 100000", []string{"-1", "100001", "1e3"}},
		{"PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS", "3", "7", "", integer + "1 to ", []string{"0", "-3", "three"}},
		{"SECRETS_MANAGER_TIMEOUT_MILLIS", "2500", "1234", "", integer + "0 to ", []string{"-1", "1.5", "2s"}},
		{"SECRETS_MANAGER_TTL", "300", "86400", "", integer + "0 to ", []string{"-1", "5m", "99999999999999999999"}},
		{"SSM_PARAMETER_STORE_TIMEOUT_MILLIS", "2500", "1234", "", integer + "0 to ", []string{"-1", "1.5", "2s"}},
		{"SSM_PARAMETER_STORE_TTL", "300", "86400", "", integer + "0 to ", []string{"-1", "5m", "99999999999999999999"}},
		{"LARDER_CACHE_MAX_BYTES", maxBytes, "1000000", "", integer + "0 to ", []string{"-1", "16MB", "0x10"}},
		{"LARDER_MAX_IN_FLIGHT", "512", "64", "", integer + "1 to ", []string{"0", "-1", "x"}},
		{"LARDER_STALE_IF_ERROR", "3600", "86400", "", integer + "0 to ", []string{"-1", "1h", "3600.0"}},
		{"LARDER_STALE_WAIT_MILLIS", "250", "1234", "", integer + "0 to ", []string{"-1", "250ms", "0.25"}},
		{"LARDER_STALE_WHILE_REVALIDATE", "0", "60", "", integer + "0 to ", []string{"-1", "true", "1m"}},
		{"LARDER_NEGATIVE_TTL", "2", "30", "", integer + "0 to ", []string{"-1", "2s", "off"}},
		{"LARDER_BATCH", "off", "ON", "on", "on or off", []string{"true", "1", "10"}},
		{"LARDER_ACCESS_LOG", "all", "SUMMARY", "summary", "all, summary or none", []string{"some", "off", "1"}},
		{"LARDER_ACCESS_SINK", "stdout", "STDOUT", "stdout", "stdout, cloudwatch or both", []string{"stderr", "file", "aws"}},
		{"LARDER_METRICS", "off", "On", "on", "on or off", []string{"true", "1", "emf"}},
		{"AWS_MAX_ATTEMPTS", "0", "4", "", integer + "0 to ", []string{"-1", "x", "5.0"}},
		{"AWS_USE_FIPS_ENDPOINT", "false", "TRUE", "true", "true or false", []string{"1", "on", "fips"}},
		{"AWS_USE_DUALSTACK_ENDPOINT", "false", "True", "true", "true or false", []string{"1", "on", "ipv6"}},
	}
}

// mustSettings returns the settings that the log tells at level debug.
func (p *process) mustSettings() map[string]any {
	p.t.Helper()
	isSettings := func(l line) bool { return l.Level == "DEBUG" && l.Message == "settings" }
	mustWait(p.t, "the settings in the log", func() bool { return len(p.mustLines(isSettings)) > 0 })
	told := make(map[string]any)
	decoder := json.NewDecoder(strings.NewReader(p.mustLines(isSettings)[0].text))
	decoder.UseNumber()
	if err := decoder.Decode(&told); err != nil {
		p.t.Fatal(err)
	}
	return told
}

// At level debug the log tells what counts: the defaults where nothing is set, and nothing is warned of.
func TestDefaultSettings(t *testing.T) {
	t.Parallel()
	p := newScene(t).start()
	told := p.mustSettings()
	for _, row := range settings() {
		if got := fmt.Sprint(told[row.variable]); got != row.standard {
			t.Errorf("%s is %s, want %s", row.variable, got, row.standard)
		}
	}
	if warnings := p.mustLines(isWarning); len(warnings) > 0 {
		t.Errorf("warnings without a reason: %v", warnings)
	}
}

// Variables count, also with white space around them.
func TestOverriddenSettings(t *testing.T) {
	t.Parallel()
	var environment []string
	for _, row := range settings() {
		environment = append(environment, row.variable+"= "+row.override+" ")
	}
	p := newScene(t).start(environment...)
	told := p.mustSettings()
	for _, row := range settings() {
		if got, want := fmt.Sprint(told[row.variable]), or(row.shown, row.override); got != want {
			t.Errorf("%s is %s, want %s", row.variable, got, want)
		}
	}
	if warnings := p.mustLines(isWarning); len(warnings) > 0 {
		t.Errorf("warnings without a reason: %v", warnings)
	}
}

// A value that cannot be used costs one line of the log, which says of which variable it is, what it is, what is
// allowed and what counts instead; and the extension serves.
func TestMalformedSettings(t *testing.T) {
	t.Parallel()
	for round := range settings()[0].bad {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			var environment []string
			for _, row := range settings() {
				environment = append(environment, row.variable+"="+row.bad[round])
			}
			p := newScene(t).start(environment...)
			told := p.mustSettings()
			for _, row := range settings() {
				standard := row.standard
				if strings.HasSuffix(row.variable, "_TIMEOUT_MILLIS") {
					standard = "0" // which stands for Larder's own
				}
				checkWarning(t, p, row.variable, row.bad[round], row.allowed, standard)
				if got := fmt.Sprint(told[row.variable]); got != row.standard {
					t.Errorf("%s became %s, want %s", row.variable, got, row.standard)
				}
			}
			if n := len(p.mustLines(isWarning)); n != len(settings()) {
				t.Errorf("%d warnings for %d variables", n, len(settings()))
			}
			p.mustRead(secretTarget)
		})
	}
}

// checkWarning checks that one line, and no more, warns of a variable.
func checkWarning(t *testing.T, p *process, variable, value, allowed, standard string) {
	t.Helper()
	warnings := p.mustLines(func(l line) bool { return isWarning(l) && strings.Contains(l.text, variable) })
	if len(warnings) != 1 {
		t.Errorf("%d lines warn of %s, want 1", len(warnings), variable)
		return
	}
	w := warnings[0]
	if w.Variable != variable || w.Value != value || !strings.HasPrefix(w.Allowed, allowed) || w.Default != standard {
		t.Errorf("the fields of a warning: %s", w.text)
	}
	for _, part := range []string{variable, value} {
		if !strings.Contains(w.Message, part) {
			t.Errorf("a warning's message lacks %q: %s", part, w.Message)
		}
	}
}

// The same of variables whose values are no numbers and no switches. None of these may start a call: without an
// endpoint it would go to AWS itself.
func TestMalformedTexts(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ variable, value, allowed, standard string }{
		{"PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL", "verbose", "debug, info, warn, error or none", "info"},
		{"AWS_ENDPOINT_URL", "localhost:4566", "a URL", "AWS's own"},
		{"AWS_ENDPOINT_URL_SSM", "ftp://localhost", "a URL", "AWS's own"},
		{"AWS_ENDPOINT_URL_SECRETS_MANAGER", "https://", "a URL", "AWS's own"},
		{"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "logs.example:443", "a URL", "AWS's own"},
		{"LARDER_LOG_GROUP", "a group", "1 to 512 letters", "none"},
		{"LARDER_ACCESS_SINK", "cloudwatch", "cloudwatch or both together with LARDER_LOG_GROUP", "stdout"},
		{"LARDER_TOKEN", "file://token", "a token, or file:///absolute/path", "the function's own token"},
		{"AWS_CA_BUNDLE", "/nowhere/bundle.pem", "a file of PEM certificates", "the system's"},
	} {
		t.Run(row.variable, func(t *testing.T) {
			t.Parallel()
			p := newScene(t).start(row.variable + "=" + row.value)
			p.get("/nowhere")
			p.mustRecords(1)
			shown := row.value
			if row.variable == "LARDER_TOKEN" {
				shown = "(hidden)" // it may be a token all the same
			}
			checkWarning(t, p, row.variable, shown, row.allowed, row.standard)
		})
	}
}

// An endpoint that cannot be used is not repeated where it holds a password.
func TestPasswordsAreNotLogged(t *testing.T) {
	t.Parallel()
	newScene(t).start("AWS_ENDPOINT_URL=ftp://user:" + canary + "@localhost")
	newScene(t).start("AWS_ENDPOINT_URL=http://user:" + canary + "@localhost:1")
	s := newScene(t)
	proxy := "http://user:" + canary + "@127.0.0.1:1"
	p := s.start("AWS_ENDPOINT_URL=http://aws.invalid", "HTTP_PROXY="+proxy, "SECRETS_MANAGER_TIMEOUT_MILLIS=200")
	if a := p.get(secretTarget); a.status != http.StatusServiceUnavailable && a.status != http.StatusGatewayTimeout {
		t.Errorf("status %d without a connection: %s", a.status, a.body)
	}
}

// The default port, and what a malformed port comes to, is AWS's: 2773. It is taken here, by this test or by
// another program, so that no extension of the machine's own is disturbed.
func TestDefaultPort(t *testing.T) {
	t.Parallel()
	if listener, err := net.Listen("tcp", "127.0.0.1:2773"); err == nil {
		defer listener.Close()
	}
	for _, value := range []string{"", "0", "65536", "http"} {
		p := newScene(t).launch("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT=" + value)
		checkInitError(t, p, "127.0.0.1:2773")
		if value != "" {
			checkWarning(t, p, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", value, "a whole number from 1 to 65535", "2773")
		}
	}
}

// Each level of the log leaves out what is below it, in any spelling; the records are not a part of it.
func TestLogLevels(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		level  string
		levels string // of the lines that are to be there
	}{{"DEBUG", "DEBUG INFO WARN"}, {"Info", "INFO WARN"}, {"", "INFO WARN"}, {"warn", "WARN"}, {"ERROR", ""}, {"None", ""}} {
		t.Run(row.level, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			p := s.startOutside("PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL="+row.level, "SECRETS_MANAGER_TTL=bad")
			p.mustRead(secretTarget)
			checkEndsBySignal(t, p)
			for _, level := range []string{"DEBUG", "INFO", "WARN", "ERROR"} {
				n := len(p.mustLines(func(l line) bool { return l.Type == "larder" && l.Level == level }))
				if want := strings.Contains(row.levels, level); (n > 0) != want {
					t.Errorf("%d lines of level %s", n, level)
				}
			}
			if len(p.records()) == 0 {
				t.Error("no records")
			}
		})
	}
}
