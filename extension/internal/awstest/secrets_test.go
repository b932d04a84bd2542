package awstest_test

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"larder/extension/internal/awstest"
)

func readSecret(t *testing.T, s *awstest.Server, input secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
	t.Helper()
	return secretsClient(s, "eu-west-1").GetSecretValue(testContext(t), &input)
}

// A secret is found by its name, its ARN, and its ARN without the suffix, and
// the SDK reads every field of the answer.
func TestSecretByAllItsNames(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	created := time.UnixMilli(1523477145713).UTC()
	arn := s.Secrets.Put(awstest.Secret{Name: "prod/db", String: `{"a":"<&>"}`, Created: created})
	if !regexp.MustCompile(`^arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-[A-Za-z0-9]{6}$`).MatchString(arn) {
		t.Errorf("odd ARN %s", arn)
	}
	for _, id := range []string{"prod/db", arn, strings.TrimSuffix(arn, arn[len(arn)-7:])} {
		got, err := readSecret(t, s, secretsmanager.GetSecretValueInput{SecretId: &id})
		mustSucceed(t, err)
		checkEqual(t, "ARN", *got.ARN, arn)
		checkEqual(t, "Name", *got.Name, "prod/db")
		checkEqual(t, "SecretString", *got.SecretString, `{"a":"<&>"}`)
		checkEqual(t, "VersionId", *got.VersionId, s.Secrets.VersionID("prod/db", "AWSCURRENT"))
		checkEqual(t, "CreatedDate", got.CreatedDate.UTC(), created)
		if !slices.Equal(got.VersionStages, []string{"AWSCURRENT"}) || got.SecretBinary != nil {
			t.Errorf("stages %v, binary %v", got.VersionStages, got.SecretBinary)
		}
	}
	checkEqual(t, "calls by any name", s.Counts.OfName(awstest.GetSecretValue, "prod/db"), 3)
	checkEqual(t, "calls by ARN", s.Counts.OfName(awstest.GetSecretValue, arn), 1)
}

// A date of whole seconds comes without a fraction, which is where renderings
// of dates go wrong.
func TestSecretDateWithoutFraction(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	created := time.Unix(1523477145, 0).UTC()
	s.Secrets.Put(awstest.Secret{Name: "a", String: "x", Created: created})
	got, err := readSecret(t, s, secretsmanager.GetSecretValueInput{SecretId: aws.String("a")})
	mustSucceed(t, err)
	checkEqual(t, "CreatedDate", got.CreatedDate.UTC(), created)
}

func TestBinarySecret(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	s.Secrets.Put(awstest.Secret{Name: "key", Binary: []byte{0, 1, 254, 255}})
	got, err := readSecret(t, s, secretsmanager.GetSecretValueInput{SecretId: aws.String("key")})
	mustSucceed(t, err)
	if !bytes.Equal(got.SecretBinary, []byte{0, 1, 254, 255}) || got.SecretString != nil {
		t.Errorf("got %v and %v", got.SecretBinary, got.SecretString)
	}
}

// A rotation moves the stages as AWS does, and each is still readable by stage
// and by version.
func TestRotation(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	s.Secrets.PutString("db", "one")
	first := s.Secrets.VersionID("db", "AWSCURRENT")
	s.Secrets.Stage("db", "blue", first)
	second := s.Secrets.Rotate("db", "two")
	third := s.Secrets.Rotate("db", "three")
	for _, row := range []struct{ stage, version, want string }{
		{"", "", "three"},
		{"AWSCURRENT", "", "three"},
		{"AWSPREVIOUS", "", "two"},
		{"blue", "", "one"},
		{"", first, "one"},
		{"", second, "two"},
		{"AWSCURRENT", third, "three"},
	} {
		input := secretsmanager.GetSecretValueInput{SecretId: aws.String("db")}
		if row.stage != "" {
			input.VersionStage = &row.stage
		}
		if row.version != "" {
			input.VersionId = &row.version
		}
		got, err := readSecret(t, s, input)
		mustSucceed(t, err)
		checkEqual(t, row.stage+row.version, *got.SecretString, row.want)
	}
}

// The refusals have the codes and sentences of Secrets Manager.
func TestSecretRefusals(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{Role: "reader"})
	s.Secrets.PutString("there", "x")
	gone := s.Secrets.PutString("gone", "x")
	s.Secrets.MarkDeleted("gone")
	denied := s.Secrets.PutString("denied", "x")
	s.Secrets.Deny(denied)
	s.Secrets.PutString("keyless", "x")
	s.Secrets.DenyKey("keyless")
	version := s.Secrets.VersionID("there", "AWSCURRENT")
	const otherVersion = "00000000-0000-4000-8000-000000000000"
	for _, row := range []struct{ id, version, stage, code, message string }{
		{"missing", "", "", "ResourceNotFoundException", "Secrets Manager can't find the specified secret."},
		{"there", "", "AWSPENDING", "ResourceNotFoundException",
			"Secrets Manager can't find the specified secret value for staging label: AWSPENDING"},
		{"there", otherVersion, "", "ResourceNotFoundException",
			"Secrets Manager can't find the specified secret value for VersionId: " + otherVersion},
		{"there", version, "AWSPREVIOUS", "InvalidRequestException",
			"You provided a VersionStage that is not associated to the provided VersionId."},
		{gone, "", "", "InvalidRequestException",
			"You can't perform this operation on the secret because it was marked for deletion."},
		{"denied", "", "", "AccessDeniedException",
			"User: arn:aws:sts::123456789012:assumed-role/reader/function is not authorized to perform: " +
				"secretsmanager:GetSecretValue on resource: " + denied +
				" because no identity-based policy allows the secretsmanager:GetSecretValue action"},
		{"keyless", "", "", "AccessDeniedException", "Access to KMS is not allowed"},
		{"", "", "", "ValidationException", "1 validation error detected: Value '' at 'secretId' failed to satisfy " +
			"constraint: Member must have length greater than or equal to 1"},
	} {
		input := secretsmanager.GetSecretValueInput{SecretId: &row.id}
		if row.version != "" {
			input.VersionId = &row.version
		}
		if row.stage != "" {
			input.VersionStage = &row.stage
		}
		_, err := readSecret(t, s, input)
		checkError(t, err, row.code, row.message)
	}
	s.Secrets.Allow("denied")
	s.Secrets.Restore("gone")
	for _, id := range []string{"denied", "gone"} {
		_, err := readSecret(t, s, secretsmanager.GetSecretValueInput{SecretId: &id})
		mustSucceed(t, err)
	}
}

// A name belongs to one region, and an ARN of another region is not found there:
// who reads an ARN must sign for its region.
func TestSecretsOfRegions(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	s.Secrets.PutString("db", "here")
	arn := s.Secrets.Put(awstest.Secret{Name: "db", String: "there", Region: "cn-north-1"})
	if !strings.HasPrefix(arn, "arn:aws-cn:secretsmanager:cn-north-1:") {
		t.Errorf("odd ARN %s", arn)
	}
	_, err := readSecret(t, s, secretsmanager.GetSecretValueInput{SecretId: &arn})
	checkError(t, err, "ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
	got, err := secretsClient(s, "cn-north-1").GetSecretValue(testContext(t),
		&secretsmanager.GetSecretValueInput{SecretId: &arn})
	mustSucceed(t, err)
	checkEqual(t, "value", *got.SecretString, "there")
	checkEqual(t, "region of the last call", s.Counts.Last().Region, "cn-north-1")
}

// A batch answers what it can, and says of the rest why not.
func TestBatch(t *testing.T) {
	s := awstest.MustStart(t, awstest.Options{})
	s.Secrets.PutString("a", "one")
	s.Secrets.PutString("b", "two")
	ids := []string{"a", "missing", "b"}
	got, err := secretsClient(s, "eu-west-1").BatchGetSecretValue(testContext(t),
		&secretsmanager.BatchGetSecretValueInput{SecretIdList: ids})
	mustSucceed(t, err)
	if len(got.SecretValues) != 2 || *got.SecretValues[1].SecretString != "two" {
		t.Errorf("got %d values", len(got.SecretValues))
	}
	if len(got.Errors) != 1 || *got.Errors[0].SecretId != "missing" || *got.Errors[0].ErrorCode != "ResourceNotFoundException" {
		t.Errorf("got errors %v", got.Errors)
	}
	checkEqual(t, "calls", s.Counts.Of(""), 1)
	checkEqual(t, "calls for b", s.Counts.OfName(awstest.BatchGetSecretValue, "b"), 1)

	_, err = secretsClient(s, "eu-west-1").BatchGetSecretValue(testContext(t),
		&secretsmanager.BatchGetSecretValueInput{SecretIdList: make([]string, 21)})
	if err == nil {
		t.Error("21 ids in one batch were accepted")
	}
}
