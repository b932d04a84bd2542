package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"larder/extension/internal/awstest"
)

// golden is one read: testdata/golden holds what AWS sends, NAME.aws.json, and what the function has to get,
// NAME.json, which was written by the contract's rules and not by a program of Go's.
type golden struct {
	name      string // of the files
	target    string
	secret    *secretsmanager.GetSecretValueInput
	parameter *ssm.GetParameterInput
}

func goldens() []golden {
	secret := func(file, id string) golden {
		return golden{file, "/secretsmanager/get?secretId=" + id, &secretsmanager.GetSecretValueInput{SecretId: &id}, nil}
	}
	parameter := func(file, name, more string, withDecryption bool) golden {
		target := "/systemsmanager/parameters/get?name=" + name + more
		return golden{file, target, nil, &ssm.GetParameterInput{Name: &name, WithDecryption: &withDecryption}}
	}
	return []golden{
		secret("secret-json", "prod/db-credentials"),
		secret("secret-html", "html"),
		secret("secret-unicode", "unicode"),
		secret("secret-control", "control"),
		secret("secret-binary", "binary"),
		secret("secret-long", "long"),
		secret("secret-bare", "bare"),
		parameter("parameter-string", "/prod/config/api-url", "", false),
		parameter("parameter-list", "/prod/list", "", false),
		parameter("parameter-secure-encrypted", "/prod/secure", "", false),
		parameter("parameter-secure-decrypted", "/prod/secure", "&withDecryption=true", true),
		parameter("parameter-version", "/prod/versions:1", "", false),
		parameter("parameter-label", "/prod/labels:Dev", "", false),
		parameter("parameter-public", "/aws/service/ami-amazon-linux-latest/al2023", "", false),
		parameter("parameter-reference", "/aws/reference/secretsmanager/prod/db-credentials", "&withDecryption=true", true),
	}
}

// Bodies are, byte for byte, what is in testdata, and what json.Marshal makes of the structs that AWS's SDK gets
// from the same answer; the same from memory as from AWS.
func TestGoldenBodies(t *testing.T) {
	t.Parallel()
	for _, g := range goldens() {
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.aws.Faults.All(awstest.Raw(200, "application/x-amz-json-1.1", mustGolden(t, g.name+".aws.json")))
			p := s.start()
			fetched, remembered := p.mustRead(g.target), p.mustRead(g.target)
			checkCache(t, remembered, "hit")
			checkBody(t, "testdata", fetched.body, mustGolden(t, g.name+".json"))
			checkBody(t, "the SDK", fetched.body, g.mustMarshal(t, s))
			checkBody(t, "the first answer", remembered.body, fetched.body)
		})
	}
}

// The same of what stands in the fake's stores, which answer as AWS does.
func TestBodiesOfStoredValues(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.aws.Secrets.Put(awstest.Secret{Name: "binary", Binary: []byte(canary + "\x00\xff")})
	for _, name := range []string{"html", "unicode", "control", "long", "bare"} {
		s.aws.Secrets.PutString(name, canary+name)
	}
	s.aws.Parameters.PutString("/prod/list", canary)
	s.aws.Parameters.PutSecure("/prod/secure", canary)
	s.aws.Parameters.PutString("/prod/versions", canary)
	s.aws.Parameters.PutString("/prod/labels", canary)
	s.aws.Parameters.Label("/prod/labels", "Dev", 1)
	s.aws.Parameters.PutString("/aws/service/ami-amazon-linux-latest/al2023", canary)
	p := s.start()
	for _, g := range goldens() {
		checkBody(t, "the SDK", p.mustRead(g.target).body, g.mustMarshal(t, s))
	}
}

func checkBody(t *testing.T, source, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("differs from %s:\n got %s\nwant %s", source, tail(got), tail(want))
	}
}

// mustGolden reads a file of testdata/golden, in which 60 KB stand for themselves.
func mustGolden(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "golden", name))
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("0123456789abcde\\n", 60*1024/16)
	return strings.ReplaceAll(strings.TrimSuffix(string(text), "\n"), "@60KB@", long)
}

// mustMarshal reads with AWS's SDK, and marshals its struct.
func (g golden) mustMarshal(t *testing.T, s *scene) string {
	t.Helper()
	keys := s.aws.Credentials.Keys()
	provider := credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken)
	var output any
	var err error
	if g.secret != nil {
		client := secretsmanager.New(secretsmanager.Options{Region: "eu-west-1", Credentials: provider, BaseEndpoint: aws.String(s.aws.URL())})
		output, err = client.GetSecretValue(t.Context(), g.secret)
	} else {
		client := ssm.New(ssm.Options{Region: "eu-west-1", Credentials: provider, BaseEndpoint: aws.String(s.aws.URL())})
		output, err = client.GetParameter(t.Context(), g.parameter)
	}
	if err != nil {
		t.Fatalf("reading with the SDK: %v", err)
	}
	body, err := json.Marshal(output)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
