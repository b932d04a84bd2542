// This file sets the stage: the pretended AWS with its two values, the pretended Lambda, the unpacked layer, a free
// port, and the environments of the two processes.

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

const (
	functionName  = "sample"
	secretName    = "prod/db-credentials"
	parameterName = "/prod/config/api-url"
	apiURL        = "https://api.example.com/v1"
)

// settings are what the command line says.
type settings struct {
	layer    string
	function string
	python   string
	latency  time.Duration
	wholeLog bool
}

// credentials are the secret's value.
type credentials struct {
	Username             string `json:"username"`
	Password             string `json:"password"`
	Engine               string `json:"engine"`
	Host                 string `json:"host"`
	Port                 int    `json:"port"`
	DBInstanceIdentifier string `json:"dbInstanceIdentifier"`
}

// newCredentials makes a password up, so that it is found wherever it turns up and nowhere else.
func newCredentials(username string) credentials {
	return credentials{username, rand.Text(), "postgres", "db.example.com", 5432, "prod-db"}
}

func (c credentials) String() string { return c.Username + "@" + c.Host }

func (c credentials) json() string {
	document, err := json.Marshal(c)
	if err != nil {
		panic("demo: encoding credentials: " + err.Error()) // Strings and a number encode.
	}
	return string(document)
}

// demo is the stage and who acts on it.
type demo struct {
	settings settings
	screen   *screen
	folder   string // removed at the end
	aws      *awstest.Server
	lambda   *lambdatest.API
	port     int

	extension *process
	function  *function
	reads     []read // of the scenes so far
	wrong     int    // how many of them did not give the expected value

	current          credentials // what AWS holds now
	secretVersion    string
	parameterVersion string
}

// prepare makes all that is there before an execution environment begins.
func prepare(ctx context.Context, s settings, out *screen) (d *demo, err error) {
	d = &demo{settings: s, screen: out, current: newCredentials("app")}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if d.folder, err = os.MkdirTemp("", "larder-demo-"); err != nil {
		return d, fmt.Errorf("making a folder: %w", err)
	}
	if d.aws, err = awstest.Start(awstest.Options{}); err != nil {
		return d, fmt.Errorf("starting the pretended AWS: %w", err)
	}
	d.aws.Secrets.PutString(secretName, d.current.json())
	d.secretVersion = d.aws.Secrets.VersionID(secretName, "AWSCURRENT")
	d.parameterVersion = strconv.FormatInt(d.aws.Parameters.PutString(parameterName, apiURL), 10)
	d.aws.Faults.SetLatency("", s.latency)
	if d.lambda, err = lambdatest.Start(lambdatest.Options{FunctionName: functionName}); err != nil {
		return d, fmt.Errorf("starting the pretended Lambda: %w", err)
	}
	if d.port, err = lambdatest.FreePort(2773); err != nil {
		return d, fmt.Errorf("looking for a free port: %w", err)
	}
	keys := d.aws.Credentials.Keys()
	d.screen.hide(d.current.Password, keys.SessionToken, keys.SecretAccessKey)
	return d, nil
}

// close ends what still runs.
func (d *demo) close() {
	if d.function != nil {
		d.function.kill()
	}
	if d.extension != nil {
		d.extension.kill()
	}
	if d.lambda != nil {
		d.lambda.Close()
	}
	if d.aws != nil {
		d.aws.Close()
	}
	os.RemoveAll(d.folder)
}

// environment is what Lambda sets for the extension and for the function alike.
func (d *demo) environment() []string {
	return append(d.aws.Environ(),
		"AWS_LAMBDA_RUNTIME_API="+d.lambda.Address(),
		"AWS_LAMBDA_FUNCTION_NAME="+functionName,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+strconv.Itoa(d.port),
		"SECRET_NAME="+secretName,
		"PARAMETER_NAME="+parameterName,
		"PATH="+os.Getenv("PATH"),
		"LANG=en_US.UTF-8",
		"TZ=:UTC",
	)
}
