package main_test

import (
	"net"
	"strconv"
	"strings"
	"testing"

	"larder/extension/internal/lambdatest"
)

// A port that another has taken, on either address, makes serving impossible: Lambda is told so in words that
// say what to do, and the process ends.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	for _, host := range loopback(t) {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			taken, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(s.port)))
			if err != nil {
				t.Fatal(err)
			}
			defer taken.Close()
			checkInitError(t, s.launch(), strconv.Itoa(s.port), "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")
		})
	}
}

// Without a token nobody could read.
func TestNoToken(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string][]string{
		"none":         nil,
		"missing file": {"LARDER_TOKEN=file:///nowhere/token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			p := s.launch(append(settings, "AWS_SESSION_TOKEN=", "AWS_CONTAINER_AUTHORIZATION_TOKEN=")...)
			checkInitError(t, p, "LARDER_TOKEN")
		})
	}
}

// checkInitError checks that the process told Lambda why it cannot serve, never waited for an event, and ended.
func checkInitError(t *testing.T, p *process, parts ...string) {
	t.Helper()
	report := p.scene.lambda.MustWaitReport(t)
	if report.Call != lambdatest.InitError {
		t.Errorf("reported on %s", report.Call)
	}
	checkFailed(t, p, report, parts...)
	for _, call := range p.scene.lambda.Calls() {
		if call.Call == lambdatest.Next {
			t.Error("next was called")
		}
	}
}

func checkFailed(t *testing.T, p *process, report lambdatest.Report, parts ...string) {
	t.Helper()
	if report.Type == "" || report.Type != report.ErrorType {
		t.Errorf("the error's type is %q in the header and %q in the body", report.Type, report.ErrorType)
	}
	for _, part := range parts {
		if !strings.Contains(report.ErrorMessage, part) {
			t.Errorf("the message lacks %q: %s", part, report.ErrorMessage)
		}
	}
	checkNothingSecret(t, p.scene, "the report", report.Body)
	if code := p.mustExit(); code == 0 {
		t.Error("exit code 0 after an error")
	}
	isSaid := func(l line) bool { return l.Level == "ERROR" && l.Message == report.ErrorMessage }
	if said := p.mustLines(isSaid); len(said) != 1 {
		t.Errorf("%d lines of the log say what was reported, want 1", len(said))
	}
}

// An Extensions API that breaks ends the environment, and is told why as far as it listens.
func TestExtensionsAPIBreaks(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]lambdatest.Fault{
		"500":          {Status: 500, Body: `{"errorType":"Extension.InternalError","errorMessage":"broken"}`},
		"403":          lambdatest.Refusal(403, "Extension.UnknownExtensionIdentifier", "unknown"),
		"reset":        {Reset: true},
		"not an event": {Status: 200, Body: "<html>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			p := s.start()
			s.lambda.Fail(lambdatest.Next, fault, -1)
			report := s.lambda.MustWaitReport(t)
			if report.Call != lambdatest.ExitError {
				t.Errorf("reported on %s", report.Call)
			}
			checkFailed(t, p, report, "event")
		})
	}
}

// A registration that fails ends the process, which then has nobody to report to but its log.
func TestRegistrationFails(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		fault lambdatest.Fault
		says  string
	}{
		"refused": {lambdatest.Refusal(403, "Extension.TooManyExtensions", "ten are enough"), "Extension.TooManyExtensions"},
		"500":     {lambdatest.Fault{Status: 500}, "500"},
		"reset":   {lambdatest.Fault{Reset: true}, "register"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.lambda.Fail(lambdatest.Register, row.fault, -1)
			p := s.launch()
			if code := p.mustExit(); code == 0 {
				t.Error("exit code 0")
			}
			if text := p.stdout.String() + p.stderr.String(); !strings.Contains(text, "registering as larder") || !strings.Contains(text, row.says) {
				t.Errorf("the output does not say what went wrong: %s", text)
			}
		})
	}
}

// Outside Lambda the same reasons end the process, with the reason in the log.
func TestCannotServeOutsideLambda(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	taken, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)))
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	p := s.launch("AWS_LAMBDA_RUNTIME_API=")
	if code := p.mustExit(); code == 0 {
		t.Error("exit code 0")
	}
	if text := p.stdout.String() + p.stderr.String(); !strings.Contains(text, "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT") {
		t.Errorf("the output does not say what to do: %s", text)
	}
}
