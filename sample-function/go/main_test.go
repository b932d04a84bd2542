package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const secretBody = `{"SecretString":"{\"username\":\"orders\",\"password\":\"p4ss\",\"host\":\"db.example.com\",\"port\":\"5432\"}"}`

// The caller gets what it may see, read with the function's token, and never the password.
func TestHandleAnswersWhatACallerMaySee(t *testing.T) {
	function := mustServe(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Aws-Parameters-Secrets-Token") != "token":
			w.WriteHeader(http.StatusForbidden)
		case r.URL.Path == "/secretsmanager/get" && r.FormValue("secretId") == "prod/db-credentials":
			_, _ = w.Write([]byte(secretBody))
		case r.URL.Path == "/systemsmanager/parameters/get" && r.FormValue("name") == "/prod/config/api-url":
			_, _ = w.Write([]byte(`{"Parameter":{"Value":"https://api.example.com"}}`))
		}
	})
	want := `{"parameter":"https://api.example.com","username":"orders","host":"db.example.com","readAtStart":false}`
	checkAnswer(t, function, 200, want)
}

// A failed read is an answer with the extension's sentence and code, and not an error that ends the function.
func TestHandleAnswersWhyAReadFailed(t *testing.T) {
	function := mustServe(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Larder-Error", "ResourceNotFoundException")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte("no such secret\n"))
	})
	checkAnswer(t, function, 500, `{"error":"reading secret prod/db-credentials: no such secret",`+
		`"code":"ResourceNotFoundException","readAtStart":false}`)
}

// What is no JSON is refused without being quoted: it may be the secret.
func TestHandleQuotesNoMalformedSecret(t *testing.T) {
	function := mustServe(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"SecretString":"p4ss"}`))
	})
	checkAnswer(t, function, 500, `{"error":"reading secret prod/db-credentials: `+
		`it is not a JSON object with username, password and host","code":"MalformedSecret","readAtStart":false}`)
}

// mustServe returns the function with handler in the extension's place.
func mustServe(t *testing.T, handler http.HandlerFunc) *function {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": address.Port(),
		"AWS_SESSION_TOKEN":                      "token",
	}
	return newFunction(func(name string) string { return environment[name] })
}

func checkAnswer(t *testing.T, function *function, status int, body string) {
	t.Helper()
	response, err := function.handle(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != status || response.Body != body {
		t.Errorf("answer = %d %s\nwant     %d %s", response.StatusCode, response.Body, status, body)
	}
	if strings.Contains(response.Body, "p4ss") {
		t.Error("the answer holds the password")
	}
}
