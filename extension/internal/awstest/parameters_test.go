package awstest_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"larder/extension/internal/awstest"
)

func readParameter(t *testing.T, s *awstest.Server, name string, decrypt bool) (*types.Parameter, error) {
	t.Helper()
	got, err := parametersClient(s, "eu-west-1").GetParameter(testContext(t),
		&ssm.GetParameterInput{Name: &name, WithDecryption: &decrypt})
	if err != nil {
		return nil, err
	}
	return got.Parameter, nil
}

// The SDK reads every field of a parameter's answer.
func TestParameterFields(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	modified := time.UnixMilli(1530018761888).UTC()
	s.Parameters.Put(awstest.Parameter{Name: "/a/list", Value: "x,y", Type: awstest.StringList, Modified: modified})
	got, err := readParameter(t, s, "/a/list", false)
	mustSucceed(t, err)
	checkEqual(t, "ARN", *got.ARN, "arn:aws:ssm:eu-west-1:123456789012:parameter/a/list")
	checkEqual(t, "DataType", *got.DataType, "text")
	checkEqual(t, "LastModifiedDate", got.LastModifiedDate.UTC(), modified)
	checkEqual(t, "Name", *got.Name, "/a/list")
	checkEqual(t, "Type", got.Type, types.ParameterTypeStringList)
	checkEqual(t, "Value", *got.Value, "x,y")
	checkEqual(t, "Version", got.Version, 1)
	if got.Selector != nil || got.SourceResult != nil {
		t.Errorf("selector %v, source %v", got.Selector, got.SourceResult)
	}
}

// Selectors by version and by label, behind a name and behind an ARN, are
// answered with the bare name and the selector beside it.
func TestSelectors(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	for _, value := range []string{"one", "two", "three"} {
		s.Parameters.PutString("/a", value)
	}
	s.Parameters.Label("/a", "Dev", 2)
	arn := s.Parameters.ARN("/a")
	for _, row := range []struct{ name, want, selector string }{
		{"/a", "three", ""},
		{"/a:1", "one", ":1"},
		{"/a:Dev", "two", ":Dev"},
		{arn, "three", ""},
		{arn + ":1", "one", ":1"},
		{arn + ":Dev", "two", ":Dev"},
	} {
		got, err := readParameter(t, s, row.name, false)
		mustSucceed(t, err)
		checkEqual(t, row.name, *got.Value, row.want)
		checkEqual(t, row.name+"'s name", *got.Name, "/a")
		checkEqual(t, row.name+"'s selector", aws.ToString(got.Selector), row.selector)
	}
	s.Parameters.Label("/a", "Dev", 3)
	got, err := readParameter(t, s, "/a:Dev", false)
	mustSucceed(t, err)
	checkEqual(t, "after the label moved", *got.Value, "three")
	checkEqual(t, "calls by any name", s.Counts.OfName(awstest.GetParameter, "/a"), 7)
}

// A SecureString is never in clear without decryption.
func TestSecureString(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	s.Parameters.PutSecure("/s", "the-value")
	got, err := readParameter(t, s, "/s", false)
	mustSucceed(t, err)
	checkEqual(t, "ciphertext", *got.Value, s.Parameters.Ciphertext("/s"))
	if !strings.HasPrefix(*got.Value, "AQICAH") || strings.Contains(*got.Value, "the-value") {
		t.Errorf("ciphertext %s", *got.Value)
	}
	got, err = readParameter(t, s, "/s", true)
	mustSucceed(t, err)
	checkEqual(t, "clear", *got.Value, "the-value")
	checkEqual(t, "type", got.Type, types.ParameterTypeSecureString)
}

// A public parameter's ARN has no account.
func TestPublicParameter(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	s.Parameters.PutString("/aws/service/ami/latest", "ami-1")
	got, err := readParameter(t, s, "/aws/service/ami/latest", false)
	mustSucceed(t, err)
	checkEqual(t, "ARN", *got.ARN, "arn:aws:ssm:eu-west-1::parameter/aws/service/ami/latest")
}

// A reference to a secret is answered under its own name, with the secret's ARN
// and what Secrets Manager answered, as text.
func TestReferenceToSecret(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	arn := s.Secrets.PutString("prod/db", "one")
	s.Secrets.Rotate("prod/db", "two")
	const name = "/aws/reference/secretsmanager/prod/db"
	for selector, want := range map[string]string{
		"":             "two",
		":AWSPREVIOUS": "one",
		":" + s.Secrets.VersionID("prod/db", "AWSPREVIOUS"): "one",
	} {
		got, err := readParameter(t, s, name+selector, true)
		mustSucceed(t, err)
		checkEqual(t, "value", *got.Value, want)
		checkEqual(t, "name", *got.Name, name)
		checkEqual(t, "ARN", *got.ARN, arn)
		checkEqual(t, "selector", aws.ToString(got.Selector), selector)
		checkEqual(t, "version", got.Version, 0)
		checkEqual(t, "type", got.Type, types.ParameterTypeSecureString)
		var source struct{ Name, SecretString string }
		if err := json.Unmarshal([]byte(*got.SourceResult), &source); err != nil || source.SecretString != want {
			t.Errorf("source %s: %v", *got.SourceResult, err)
		}
	}
	_, err := readParameter(t, s, name, false)
	checkError(t, err, "ValidationException", "WithDecryption flag must be True for retrieving a Secret Manager secret.")
	_, err = readParameter(t, s, "/aws/reference/secretsmanager/no", true)
	checkError(t, err, "ParameterNotFound", "An error occurred (ParameterNotFound) when referencing Secrets Manager: "+
		"Secret /aws/reference/secretsmanager/no not found.")
}

// The refusals have the codes and sentences of Systems Manager; a missing
// parameter has no sentence.
func TestParameterRefusals(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	s.Parameters.PutString("/there", "x")
	s.Parameters.PutString("/denied", "x")
	s.Parameters.Deny("/denied")
	s.Parameters.PutSecure("/keyless", "x")
	s.Parameters.DenyKey("/keyless")

	_, err := readParameter(t, s, "/missing", false)
	checkError(t, err, "ParameterNotFound", "")
	_, err = readParameter(t, s, "/there:9", false)
	checkError(t, err, "ParameterVersionNotFound",
		"Systems Manager could not find version 9 of /there. Verify the version and try again.")
	_, err = readParameter(t, s, "/there:nolabel", false)
	checkError(t, err, "ParameterVersionNotFound",
		"Systems Manager could not find version nolabel of /there. Verify the version and try again.")
	_, err = readParameter(t, s, "/there:", false)
	checkError(t, err, "ValidationException",
		"Invalid parameter name. Please use correct syntax for referencing a version/label  <name>:<version/label>")
	_, err = readParameter(t, s, "/denied", false)
	checkError(t, err, "AccessDeniedException",
		"User: arn:aws:sts::123456789012:assumed-role/function-role/function is not authorized to perform: ssm:GetParameter "+
			"on resource: arn:aws:ssm:eu-west-1:123456789012:parameter/denied because no identity-based policy allows the "+
			"ssm:GetParameter action")
	_, err = readParameter(t, s, "/keyless", true)
	if err == nil || !strings.Contains(err.Error(), "AccessDeniedException: The ciphertext refers to a customer master key that does not exist") {
		t.Errorf("without the key: %v", err)
	}
	if _, err = readParameter(t, s, "/keyless", false); err != nil {
		t.Errorf("the ciphertext needs no key: %v", err)
	}
	s.Parameters.Allow("/denied")
	if _, err = readParameter(t, s, "/denied", false); err != nil {
		t.Error(err)
	}
	s.Parameters.Remove("/there")
	_, err = readParameter(t, s, "/there", false)
	checkError(t, err, "ParameterNotFound", "")
}

// GetParameters tells what it did not find, and refuses more than ten names.
func TestManyParameters(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	s.Parameters.PutString("/a", "one")
	s.Parameters.PutSecure("/b", "two")
	client := parametersClient(s, "eu-west-1")
	got, err := client.GetParameters(testContext(t), &ssm.GetParametersInput{
		Names: []string{"/b", "/missing", "/a:1"}, WithDecryption: aws.Bool(true)})
	mustSucceed(t, err)
	if len(got.Parameters) != 2 || *got.Parameters[0].Value != "two" || *got.Parameters[1].Selector != ":1" {
		t.Errorf("got %v", got.Parameters)
	}
	if len(got.InvalidParameters) != 1 || got.InvalidParameters[0] != "/missing" {
		t.Errorf("invalid: %v", got.InvalidParameters)
	}
	if _, err = client.GetParameters(testContext(t), &ssm.GetParametersInput{Names: slices.Repeat([]string{"/a"}, 11)}); err == nil {
		t.Error("11 names were accepted")
	}
}
