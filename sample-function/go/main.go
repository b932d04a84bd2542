// Command main is a function that reads a secret and a parameter through the layer, at its start and in every
// invocation. It needs no SDK, and works unchanged with AWS's own Parameters and Secrets Lambda Extension once the
// function is invoked. What differs here: the reads at the start already get an answer.
//
// It never logs or answers the password.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	function := newFunction(os.Getenv)
	// A failure is logged and not fatal: a function that dies in INIT tells its caller nothing, and the next
	// invocation may well succeed. A real function would connect to its database here.
	if _, err := function.read(context.Background()); err != nil {
		log.Printf("at start: %v", err)
	} else {
		function.readAtStart = true
	}
	lambda.Start(function.handle)
}

// function holds what is decided once per execution environment.
type function struct {
	layer         *layer
	secretName    string
	parameterName string
	readAtStart   bool
}

func newFunction(getenv func(string) string) *function {
	return &function{
		layer: newLayer(
			cmp.Or(getenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"), "2773"),
			// Under SnapStart there is no session token, and the second one is what the extension knows us by.
			cmp.Or(getenv("AWS_SESSION_TOKEN"), getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN")),
		),
		secretName:    cmp.Or(getenv("SECRET_NAME"), "prod/db-credentials"),
		parameterName: cmp.Or(getenv("PARAMETER_NAME"), "/prod/config/api-url"),
	}
}

// answer is what a caller may know of the two values.
type answer struct {
	Parameter   string `json:"parameter"`
	Username    string `json:"username"`
	Host        string `json:"host"`
	ReadAtStart bool   `json:"readAtStart"`
}

// failure is the answer when a read failed. Code is the extension's own or AWS's name of the error.
type failure struct {
	Error       string `json:"error"`
	Code        string `json:"code"`
	ReadAtStart bool   `json:"readAtStart"`
}

// response has the form that function URLs and API Gateway expect.
type response struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       string            `json:"body"`
}

// handle reads both values anew, so that a rotated secret is seen.
func (f *function) handle(ctx context.Context) (response, error) {
	read, err := f.read(ctx)
	if err != nil {
		log.Print(err)
		var failed *readError
		errors.As(err, &failed)
		return respond(500, failure{Error: err.Error(), Code: failed.code, ReadAtStart: f.readAtStart})
	}
	return respond(200, read)
}

// read returns what a caller may know, or a *readError.
func (f *function) read(ctx context.Context) (answer, error) {
	credentials, err := f.layer.credentials(ctx, f.secretName)
	if err != nil {
		return answer{}, err
	}
	log.Printf("read secret %s", f.secretName)
	parameter, err := f.layer.parameter(ctx, f.parameterName)
	if err != nil {
		return answer{}, err
	}
	log.Printf("read parameter %s", f.parameterName)
	return answer{parameter, credentials.Username, credentials.Host, f.readAtStart}, nil
}

func respond(status int, body any) (response, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return response{}, err
	}
	return response{status, map[string]string{"Content-Type": "application/json"}, string(encoded)}, nil
}
