package main_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"larder/extension/internal/awstest"
)

// awsSentence is what AWS's extension says of every failure: clients look for it.
const awsSentence = "an unexpected error occurred while executing request"

// A request that is wrong by itself is told which parameter is, and asks AWS nothing.
func TestBadParameters(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	p := s.start()
	rows := []struct{ target, code, parameter string }{
		{"/secretsmanager/get", "MissingParameter", "secretId"},
		{"/secretsmanager/get?secretId=", "MissingParameter", "secretId"},
		{"/secretsmanager/get?secretId", "MissingParameter", "secretId"},
		{"/secretsmanager/get?name=a", "MissingParameter", "secretId"},
		{"/systemsmanager/parameters/get", "MissingParameter", "name"},
		{"/systemsmanager/parameters/get/?name=", "MissingParameter", "name"},
		{"/systemsmanager/parameters/get?secretId=a", "MissingParameter", "name"},
		{secretTarget + "&refreshNow=perhaps", "InvalidParameter", "refreshNow"},
		{parameterTarget + "&refreshNow=2", "InvalidParameter", "refreshNow"},
		{parameterTarget + "&withDecryption=yes", "InvalidParameter", "withDecryption"},
		{parameterTarget + "&version=latest", "InvalidParameter", "version"},
		{parameterTarget + "&version=-1", "InvalidParameter", "version"},
		{"/secretsmanager/get?secretId=a%0Ab", "InvalidParameter", "secretId"},
		{"/secretsmanager/get?secretId=a%00", "InvalidParameter", "secretId"},
		{"/secretsmanager/get?secretId=%ff", "InvalidParameter", "secretId"},
		{"/secretsmanager/get?secretId=" + strings.Repeat("a", 2049), "InvalidParameter", "secretId"},
	}
	for _, row := range rows {
		checkError(t, p.get(row.target), http.StatusBadRequest, row.code, row.parameter)
	}
	if n := s.aws.Counts.Of(""); n != 0 {
		t.Errorf("AWS was asked %d times", n)
	}
	for i, r := range p.mustRecords(len(rows)) {
		if r.Outcome != "error" || r.Status != http.StatusBadRequest || r.Error != rows[i].code {
			t.Errorf("%s is recorded as %s", rows[i].target, r.text)
		}
	}
}

// What only the caller or the role can mend is 400, with AWS's sentence first and then all that AWS said: which
// call, of what, the code, the message, and the id for AWS's support. AWS is asked once.
func TestDefinitiveErrors(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Secrets.PutString("denied", canary)
	s.aws.Secrets.Deny("denied")
	s.aws.Secrets.PutString("deleted", canary)
	s.aws.Secrets.MarkDeleted("deleted")
	s.aws.Secrets.PutString("keyless", canary)
	s.aws.Secrets.DenyKey("keyless")
	s.aws.Parameters.PutString("/denied", canary)
	s.aws.Parameters.Deny("/denied")
	s.aws.Parameters.PutSecure("/keyless", canary)
	s.aws.Parameters.DenyKey("/keyless")
	s.aws.Secrets.PutString("undecryptable", canary)
	s.aws.Faults.Add(awstest.Rule{Name: "undecryptable", Fault: awstest.Refused(400, "DecryptionFailure", "Secrets Manager can't decrypt it.")})
	p := s.start()
	const secret, parameter = "/secretsmanager/get?secretId=", "/systemsmanager/parameters/get?name="
	rows := []struct{ target, name, code, message, outcome string }{
		{secret + "missing", "missing", "ResourceNotFoundException", "can't find the specified secret.", "error"},
		{secret + "prod/db-credentials&versionStage=NONE", secretName, "ResourceNotFoundException", "staging label: NONE", "error"},
		{secret + "prod/db-credentials&versionId=00000000-0000-4000-8000-000000000000", secretName, "ResourceNotFoundException", "VersionId", "error"},
		{secret + "denied", "denied", "AccessDeniedException", "is not authorized to perform: secretsmanager:GetSecretValue", "denied"},
		{secret + "deleted", "deleted", "InvalidRequestException", "marked for deletion", "error"},
		{secret + "keyless", "keyless", "AccessDeniedException", "Access to KMS is not allowed", "denied"},
		{secret + "undecryptable", "undecryptable", "DecryptionFailure", "can't decrypt", "denied"},
		{parameter + "/missing", "/missing", "ParameterNotFound", "", "error"},
		{parameter + "/prod/config/api-url&version=9", parameterName, "ParameterVersionNotFound", "version 9", "error"},
		{parameter + "/prod/config/api-url&label=None", parameterName, "ParameterVersionNotFound", "None", "error"},
		{parameter + "/denied", "/denied", "AccessDeniedException", "ssm:GetParameter", "denied"},
		{parameter + "/keyless&withDecryption=true", "/keyless", "AccessDeniedException", "ciphertext", "denied"},
		{parameter + "/aws/reference/secretsmanager/prod/db-credentials", "/aws/reference/secretsmanager/prod/db-credentials", "ValidationException", "WithDecryption", "error"},
	}
	for _, row := range rows {
		operation := "GetSecretValue"
		if strings.HasPrefix(row.target, parameter) {
			operation = "GetParameter"
		}
		s.aws.Counts.Reset()
		a := p.get(row.target)
		checkError(t, a, http.StatusBadRequest, row.code,
			awsSentence+": "+operation, row.name, row.code, row.message, s.aws.Counts.Last().RequestID)
		if !strings.HasPrefix(a.body, awsSentence) {
			t.Errorf("AWS's sentence does not come first: %s", a.body)
		}
		if n := s.aws.Counts.Of(""); n != 1 {
			t.Errorf("%s: AWS was asked %d times", row.target, n)
		}
	}
	for i, r := range p.mustRecords(len(rows)) {
		if r.Outcome != rows[i].outcome || r.Status != http.StatusBadRequest || r.Error != rows[i].code || r.Name != rows[i].name {
			t.Errorf("%s is recorded as %s", rows[i].target, r.text)
		}
	}
}

// What may go better later is 5xx, in the same form, after the attempts that the budget holds.
func TestTransientErrors(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name   string
		fault  awstest.Fault
		status int
		code   string
	}{
		{"throttled", awstest.Throttled(), 503, "ThrottlingException"},
		{"throttled by another code", awstest.Refused(400, "RequestLimitExceeded", "slow down"), 503, "RequestLimitExceeded"},
		{"too many requests", awstest.Refused(429, "SomethingNew", "slow down"), 503, "SomethingNew"},
		{"internal error", awstest.InternalError(), 502, "InternalServiceError"},
		{"500 of a code not known", awstest.Refused(500, "SomethingNew", "broken"), 502, "SomethingNew"},
		{"load balancer", awstest.Unavailable(), 502, ""},
		{"reset", awstest.Reset(), 503, "NoConnection"},
		{"cut", awstest.Cut(), 503, "NoConnection"},
		{"garbage", awstest.Garbage(), 502, "UnreadableAnswer"},
		{"expired", awstest.ExpiredToken(), 503, "ExpiredTokenException"},
		{"unknown keys", awstest.UnrecognizedClient(), 503, "UnrecognizedClientException"},
		{"hang", awstest.Hang(), 504, "Timeout"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.aws.Faults.All(row.fault)
			p := s.start("SECRETS_MANAGER_TIMEOUT_MILLIS=400")
			a := p.get(secretTarget)
			if row.code == "" {
				row.code = a.header.Get("X-Larder-Error")
			}
			checkError(t, a, row.status, row.code, awsSentence+": GetSecretValue", secretName, row.code)
			if !strings.HasPrefix(a.body, awsSentence) {
				t.Errorf("AWS's sentence does not come first: %s", a.body)
			}
			if a.took > 400*time.Millisecond+time.Second {
				t.Errorf("it took %s, with a budget of 400 ms", a.took)
			}
			r := p.mustRecords(1)[0]
			if r.Outcome != "error" || r.Status != row.status || r.Error != row.code || r.Name != secretName {
				t.Errorf("recorded as %s", r.text)
			}
		})
	}
}

// Nobody listening where AWS should be is 503, and so is a role without credentials.
func TestNoConnectionAndNoCredentials(t *testing.T) {
	t.Parallel()
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		s := newScene(t)
		s.aws.Close()
		p := s.start("SECRETS_MANAGER_TIMEOUT_MILLIS=400")
		checkError(t, p.get(secretTarget), http.StatusServiceUnavailable, "NoConnection", awsSentence+": GetSecretValue", secretName, "refused")
	})
	t.Run("no credentials", func(t *testing.T) {
		t.Parallel()
		s := newScene(t)
		p := s.start("AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY=", "AWS_SESSION_TOKEN=", "LARDER_TOKEN="+s.token)
		checkError(t, p.get(secretTarget), http.StatusServiceUnavailable, "NoCredentials", awsSentence+": GetSecretValue", secretName, "AWS_ACCESS_KEY_ID")
		if n := s.aws.Counts.Of(""); n != 0 {
			t.Errorf("AWS was called %d times without credentials", n)
		}
	})
	t.Run("failing credential endpoint", func(t *testing.T) {
		t.Parallel()
		s := newScene(t)
		s.aws.Credentials.Fail(-1, awstest.Refused(500, "Broken", canary))
		p := s.start(append(s.containerCredentials(), "SECRETS_MANAGER_TIMEOUT_MILLIS=400")...)
		a := p.mustAsk(request{target: secretTarget, token: s.aws.Credentials.Token()})
		checkError(t, a, http.StatusServiceUnavailable, "NoCredentials", awsSentence, "AWS_CONTAINER_CREDENTIALS_FULL_URI")
	})
}

// A message of AWS's with line breaks stays one line, in the body and in the record.
func TestErrorsAreOneLine(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Faults.All(awstest.Refused(400, "Strange", "one\ntwo\r\n\tthree\x1b[31m"))
	p := s.start()
	checkError(t, p.get(secretTarget), http.StatusBadRequest, "Strange", "one", "two", "three")
	p.mustRecords(1)
}
