package source_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"larder/extension/internal/awstest"
	"larder/extension/internal/source"
)

// A secret's value is what encoding/json makes of the SDK's struct, with ARN and version told beside it.
func TestReadSecret(t *testing.T) {
	fake := awstest.MustStart(t, awstest.Options{})
	created := time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)
	arn := fake.Secrets.Put(awstest.Secret{Name: "prod/db", String: `{"<a>":"&"}`, VersionID: "v-1", Created: created})
	s := mustConnect(t, fake, nil)
	want, err := json.Marshal(secretsmanager.GetSecretValueOutput{
		ARN: &arn, CreatedDate: &created, Name: aws.String("prod/db"), SecretString: aws.String(`{"<a>":"&"}`),
		VersionId: aws.String("v-1"), VersionStages: []string{"AWSCURRENT"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"prod/db", arn} {
		got := mustRead(t, s, secret(name))
		if !bytes.Equal(got.Body, want) || got.ARN != arn || got.VersionID != "v-1" {
			t.Errorf("got  %s %s %s\nwant %s", got.Body, got.ARN, got.VersionID, want)
		}
	}
}

// Version and stage reach AWS; without them it is asked for neither.
func TestReadSecretVersions(t *testing.T) {
	fake := awstest.MustStart(t, awstest.Options{})
	fake.Secrets.Put(awstest.Secret{Name: "a", String: "old", VersionID: "v-1"})
	fake.Secrets.Put(awstest.Secret{Name: "a", String: "new", VersionID: "v-2"})
	s := mustConnect(t, fake, nil)
	for q, want := range map[source.Query]string{
		secret("a"): "v-2",
		{Service: source.SecretsManager, Name: "a", VersionID: "v-1"}:                              "v-1",
		{Service: source.SecretsManager, Name: "a", VersionStage: "AWSPREVIOUS"}:                   "v-1",
		{Service: source.SecretsManager, Name: "a", VersionStage: "AWSCURRENT"}:                    "v-2",
		{Service: source.SecretsManager, Name: "a", VersionID: "v-1", VersionStage: "AWSPREVIOUS"}: "v-1",
	} {
		if got := mustRead(t, s, q); got.VersionID != want {
			t.Errorf("%+v: got %s, want %s", q, got.VersionID, want)
		}
	}
}

// What a query does not name is left out of the call: AWS refuses an empty version.
func TestCallsHoldNoEmptyField(t *testing.T) {
	asked := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked <- string(body)
		io.WriteString(w, `{"ARN":"arn","Parameter":{}}`)
	}))
	defer server.Close()
	fake := awstest.MustStart(t, awstest.Options{})
	s := mustConnect(t, fake, func(cfg *source.Config) {
		cfg.SecretsManager.Endpoint, cfg.ParameterStore.Endpoint = server.URL, server.URL
	})
	for q, want := range map[source.Query]string{
		secret("a"):    `{"SecretId":"a"}`,
		parameter("a"): `{"Name":"a","WithDecryption":false}`,
	} {
		mustRead(t, s, q)
		if got := <-asked; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// A parameter's value is what encoding/json makes of the SDK's struct; it has a number for a version and no ARN
// beside it. The selector goes to AWS behind the name.
func TestReadParameter(t *testing.T) {
	fake := awstest.MustStart(t, awstest.Options{})
	modified := time.Date(2024, 2, 3, 4, 5, 6, 789_000_000, time.UTC)
	for _, value := range []string{"one", "two"} {
		fake.Parameters.Put(awstest.Parameter{Name: "/prod/a", Value: value, Modified: modified})
	}
	fake.Parameters.Label("/prod/a", "Dev", 1)
	s := mustConnect(t, fake, nil)
	for selector, row := range map[string]struct {
		version int64
		value   string
	}{"": {2, "two"}, "1": {1, "one"}, "2": {2, "two"}, "Dev": {1, "one"}} {
		q := parameter("/prod/a")
		q.Selector = selector
		document := ssm.GetParameterOutput{Parameter: &types.Parameter{
			ARN: aws.String(fake.Parameters.ARN("/prod/a")), DataType: aws.String("text"), LastModifiedDate: &modified,
			Name: aws.String("/prod/a"), Type: types.ParameterTypeString, Value: aws.String(row.value), Version: row.version,
		}}
		if selector != "" {
			document.Parameter.Selector = aws.String(":" + selector)
		}
		want, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		got := mustRead(t, s, q)
		if !bytes.Equal(got.Body, want) || got.ARN != "" || got.VersionID != strconv.FormatInt(row.version, 10) {
			t.Errorf("%q: got  %s\nwant %s", selector, got.Body, want)
		}
	}
}

// A SecureString is decrypted on request only.
func TestReadWithDecryption(t *testing.T) {
	fake := awstest.MustStart(t, awstest.Options{})
	fake.Parameters.PutSecure("a", "plain")
	s := mustConnect(t, fake, nil)
	q := parameter("a")
	if got := mustRead(t, s, q); bytes.Contains(got.Body, []byte("plain")) {
		t.Errorf("got %s", got.Body)
	}
	q.WithDecryption = true
	if got := mustRead(t, s, q); !bytes.Contains(got.Body, []byte(`"Value":"plain"`)) {
		t.Errorf("got %s", got.Body)
	}
}

// Queries that equal each other after copying are one; the copy does not share the memory.
func TestCloneOfAQuery(t *testing.T) {
	q := source.Query{
		Service: source.ParameterStore, Name: "a", VersionID: "b", VersionStage: "c", Selector: "d", WithDecryption: true,
	}
	if q.Clone() != q {
		t.Errorf("got %+v", q.Clone())
	}
	if source.SecretsManager.String() != "secretsmanager" || source.ParameterStore.String() != "ssm" || source.Service(0).String() != "" {
		t.Error("a service is not called as in an ARN")
	}
}
