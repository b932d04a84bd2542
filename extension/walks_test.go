package main_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/lambdatest"
)

const pathOfSecret, pathOfParameter = "/secretsmanager/get?secretId=", "/systemsmanager/parameters/get?name="

// readAll reads everything in every way, with what fails by itself.
func (w *walk) readAll() {
	w.get(
		secretTarget, secretTarget, secretTarget+"&refreshNow=true", secretTarget+"&versionStage=AWSCURRENT",
		secretTarget+"&versionId="+w.aws.Secrets.VersionID(secretName, "AWSCURRENT"), secretTarget+"&versionStage=NONE",
		pathOfSecret+w.aws.Secrets.ARN(secretName), pathOfSecret+"binary", pathOfSecret+"binary",
		parameterTarget, parameterTarget+"&version=1", parameterTarget+":1", parameterTarget+"&label=none",
		pathOfParameter+"/secure", pathOfParameter+"/secure&withDecryption=true",
		pathOfParameter+"/aws/reference/secretsmanager/"+secretName+"&withDecryption=true",
		pathOfSecret+"denied", pathOfSecret+"denied", pathOfSecret+"missing", pathOfParameter+"/missing",
		pathOfSecret+"arn:aws:secretsmanager", pathOfSecret, secretTarget+"&refreshNow="+"perhaps", "/",
	)
	w.ask(request{method: http.MethodHead, target: secretTarget})
}

// refuse sends what the door refuses, with secrets in all places of a request.
func (w *walk) refuse() {
	token := w.token
	for _, r := range []request{
		{target: secretTarget, token: "-"},
		{target: secretTarget, token: token[:len(token)-5]},
		{target: secretTarget, token: strings.ToUpper(token)},
		{target: secretTarget, token: "-", headers: []string{"Authorization: Bearer " + token, "X-Vault-Token: " + token}},
		{target: secretTarget, token: base64.StdEncoding.EncodeToString([]byte(token))},
		{target: secretTarget + "&token=" + token, token: "-"},
		{target: secretTarget + "&unknown=" + token},
		{target: "/" + "nowhere?" + token},
		{method: "POST", target: secretTarget, headers: []string{"Content-Length: " + strconv.Itoa(len(token))}, body: token},
		{target: secretTarget, host: "example.com"},
		{target: secretTarget, host: "example.com", token: "-", headers: []string{"Cookie: " + token}},
		{target: secretTarget, headers: []string{"X-Forwarded-For: " + token}},
		{target: secretTarget, headers: []string{"Forwarded: " + token}},
		{target: secretTarget, headers: []string{"Traceparent: " + token, "X-Amzn-Trace-Id: Root=" + token}},
		{target: secretTarget, headers: []string{"Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "X-Larder-Request-Id: mine"}},
		{target: secretTarget, version: "HTTP/1.0"},
		{method: "POST", target: secretTarget, headers: []string{"Content-Type: multipart/form-data; boundary=x",
			"Content-Length: " + strconv.Itoa(len(form(token)))}, body: form(token)},
	} {
		w.ask(r)
	}
	head := request{target: secretTarget}.bytes(w.scene)
	w.send(request{target: secretTarget, headers: []string{"X-Long: " + strings.Repeat(token, 20<<10/len(token))}}.bytes(w.scene))
	w.send(request{target: secretTarget, headers: []string{"Content-Length: 100000"}, body: token}.bytes(w.scene))
	w.send(token + "\r\n\r\n")
	w.send("GET " + secretTarget + "&t=" + token + "\r\n\r\n")
	w.send(strings.Replace(head, "HTTP/1.1", "HTTP/9.9", 1))
	w.send(request{target: secretTarget, headers: []string{"Content-Length: " + token}}.bytes(w.scene))
	w.send(request{target: secretTarget, headers: []string{token}}.bytes(w.scene)) // no colon
	half := w.mustDial("")
	_, _ = io.WriteString(half, head[:len(head)-4]) // the extension may have closed it
	half.Close()
}

// form is the body of a request that sends a file.
func form(content string) string {
	return "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n" + strings.Repeat(content, 100) + "\r\n--x--\r\n"
}

// troubles are the ways in which AWS fails. Some quote what the call was signed with.
func (w *walk) troubles() map[string]awstest.Fault {
	quoted := "The Canonical String should have been 'POST\n/\n\nx-amz-security-token:" + w.token + "\n'"
	return map[string]awstest.Fault{
		"throttled": awstest.Throttled(), "internal": awstest.InternalError(), "unavailable": awstest.Unavailable(),
		"reset": awstest.Reset(), "cut": awstest.Cut(), "stall": awstest.Stall(), "hang": awstest.Hang(),
		"garbage": awstest.Garbage(), "expired": awstest.ExpiredToken(), "unknown": awstest.UnrecognizedClient(),
		"signature":   awstest.Refused(403, "InvalidSignatureException", quoted),
		"mismatch":    awstest.Refused(403, "SignatureDoesNotMatch", quoted),
		"a proxy":     awstest.Raw(200, "text/html", "<html>"+w.token),
		"half a body": awstest.Raw(200, "application/json", `{"SecretString":"`+newSecret(4, false)),
		"other JSON":  awstest.Raw(200, "application/json", `{"SecretString":[{"`+newSecret(4, false)+`":1}],"Parameter":"`+newSecret(4, false)+`"}`),
		"error page":  awstest.Raw(500, "text/html", "<html>"+w.token),
	}
}

// walks are the ways through the extension.
var walks = map[string]func(*testing.T, *encounters){
	"reads and refusals": func(t *testing.T, met *encounters) {
		w := newWalk(t, met, lambdatest.Options{})
		w.start(sinkTo("both", "LARDER_METRICS=on", "LARDER_BATCH=on", singleConnection)...)
		w.readAll() // in INIT
		w.lambda.Invoke("")
		w.p.mustWaitIdle()
		w.readAll()
		w.refuse()
		w.p.mustInvoke()
		w.readCrowd()
		for operation, action := range map[awstest.Operation]string{
			awstest.BatchGetSecretValue: "secretsmanager:BatchGetSecretValue", awstest.GetParameters: "ssm:GetParameters",
		} {
			refusal := awstest.Refused(400, "AccessDeniedException", "User: x is not authorized to perform: "+action+" on resource: y")
			w.aws.Faults.Add(awstest.Rule{Operation: operation, Fault: refusal})
		}
		w.readCrowd()
		w.lambda.Shutdown("spindown", 0)
		checkEndsInTime(t, w.p)
	},
	"stale values": func(t *testing.T, met *encounters) {
		w := newWalk(t, met, lambdatest.Options{})
		w.start(brief(sinkTo("cloudwatch", "LARDER_ACCESS_LOG=summary", "LARDER_METRICS=on", "AWS_MAX_ATTEMPTS=1")...)...)
		w.lambda.Invoke("")
		w.p.mustWaitIdle()
		w.get(secretTarget, parameterTarget, secretTarget)
		expire()
		w.aws.Faults.All(awstest.Throttled())
		w.get(secretTarget, parameterTarget, secretTarget, pathOfSecret+"binary", pathOfSecret+"binary")
		w.p.mustInvoke() // the outage is CloudWatch's, too
		w.aws.Faults.Clear()
		w.mustDeliver(3)
		w.lambda.Shutdown("TIMEOUT", 0)
		checkEndsInTime(t, w.p)
	},
	"SnapStart": func(t *testing.T, met *encounters) {
		w := newWalk(t, met, lambdatest.Options{})
		w.aws.Credentials.Enforce(true)
		session := w.token
		w.token = w.aws.Credentials.Token()
		w.start(w.containerCredentials(sinkTo("both", "AWS_LAMBDA_INITIALIZATION_TYPE=snap-start", "LARDER_NEGATIVE_TTL=0")...)...)
		w.readAll()
		w.ask(request{target: secretTarget, token: session})
		keys := awstest.Keys{AccessKeyID: "ASIA" + newSecret(11, false), SecretAccessKey: newSecret(12, false), SessionToken: newSecret(13, false)}
		w.keep(keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken)
		w.aws.Credentials.SetKeys(keys)
		w.p.mustInvoke()
		w.readAll()
		w.ask(request{target: secretTarget, token: keys.SessionToken})
		w.ask(request{target: secretTarget, token: keys.SessionToken + "x"})
		w.aws.Credentials.SetKeys(awstest.Keys{AccessKeyID: "ASIA" + newSecret(21, false)}) // of which AWS knows nothing
		w.aws.Credentials.Fail(-1, awstest.Refused(500, keys.SessionToken, "of "+keys.SecretAccessKey))
		w.get(pathOfSecret + "new")
		w.aws.Credentials.Fail(-1, awstest.Raw(200, "application/json", `{"AccessKeyId":"`+keys.AccessKeyID+`","SecretAccessKey":7,"Token":"`+keys.SessionToken))
		w.get(pathOfSecret + "other")
		w.lambda.Shutdown("spindown", 0)
		checkEndsInTime(t, w.p)
	},
	"Managed Instances": func(t *testing.T, met *encounters) {
		w := newWalk(t, met, lambdatest.Options{ManagedInstances: true})
		w.aws.Logs.Deny(awstest.PutLogEvents)
		w.start(sinkTo("both", managedInstances)...)
		w.readAll()
		w.refuse()
		mustWait(t, "the log to tell of the refusal", func() bool { return len(w.p.told("WARN")) > 0 })
		w.p.mustSignal(syscall.SIGQUIT) // upon which Go writes the stacks of all goroutines
		w.p.mustExit()
	},
	"outside Lambda": func(t *testing.T, met *encounters) {
		w := newWalk(t, met, lambdatest.Options{})
		w.token = newSecret(31, false)
		w.keep(w.token)
		file := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(file, []byte(w.token), 0o600); err != nil {
			t.Fatal(err)
		}
		w.launch("AWS_LAMBDA_RUNTIME_API=", "LARDER_TOKEN=file://"+file)
		mustWait(t, "the port to be bound", func() bool {
			_, err := w.p.try(request{target: "/"})
			return err == nil
		})
		w.readAll()
		w.refuse()
		checkEndsBySignal(t, w.p)
	},
	"an address and a proxy with passwords": func(t *testing.T, met *encounters) {
		w := newWalk(t, met, lambdatest.Options{})
		password := newSecret(41, false)
		w.keep(password)
		nowhere := fmt.Sprintf("user:%s@127.0.0.1:%d", password, mustFreePort(t))
		w.start("HTTPS_PROXY=http://"+nowhere, "AWS_ENDPOINT_URL=https://aws.invalid", "AWS_ENDPOINT_URL_SSM=http://"+nowhere,
			"AWS_ENDPOINT_URL_SECRETS_MANAGER=ftp://"+nowhere, "AWS_CA_BUNDLE=/nowhere", "LARDER_TOKEN=file://"+password,
			"SECRETS_MANAGER_TIMEOUT_MILLIS=400", "SSM_PARAMETER_STORE_TIMEOUT_MILLIS=400")
		w.get(secretTarget, parameterTarget)
	},
	"a proxy with no such port": func(t *testing.T, met *encounters) {
		w := newWalk(t, met, lambdatest.Options{})
		password := newSecret(42, false)
		w.keep(password)
		w.start("HTTPS_PROXY=http://user:"+password+"@127.0.0.1:99999", "AWS_ENDPOINT_URL=https://aws.invalid", "SECRETS_MANAGER_TIMEOUT_MILLIS=400")
		w.get(secretTarget)
	},
	"AWS fails": func(t *testing.T, met *encounters) {
		w := newWalk(t, met, lambdatest.Options{})
		w.start(append(budgetOf(300*time.Millisecond), "LARDER_ACCESS_SINK=both", "LARDER_LOG_GROUP="+logGroup, "AWS_MAX_ATTEMPTS=2", "LARDER_NEGATIVE_TTL=0", "LARDER_METRICS=on")...)
		for _, fault := range w.troubles() {
			w.aws.Faults.Clear()
			w.aws.Faults.All(fault)
			var reads sync.WaitGroup
			for _, target := range []string{secretTarget, parameterTarget, pathOfSecret + "binary", pathOfParameter + "/secure"} {
				reads.Go(func() { w.get(target) })
			}
			reads.Wait()
		}
		w.p.mustInvoke()
	},
	"no region and no credentials": func(t *testing.T, met *encounters) {
		w := newWalk(t, met, lambdatest.Options{})
		w.start("AWS_REGION=", "AWS_DEFAULT_REGION=", "AWS_ENDPOINT_URL=")
		w.get(secretTarget, parameterTarget)
		other := newWalk(t, met, lambdatest.Options{})
		other.start("AWS_SECRET_ACCESS_KEY=")
		other.get(secretTarget)
	},
	"a slow request": func(t *testing.T, met *encounters) {
		w := newWalk(t, met, lambdatest.Options{})
		w.start()
		head := request{target: secretTarget + "&t=" + w.token}.bytes(w.scene)
		w.send(head[:len(head)-4])
	},
	"a crowd that is too large": func(t *testing.T, met *encounters) {
		w := newWalk(t, met, lambdatest.Options{})
		w.start("LARDER_MAX_IN_FLIGHT=1")
		release := w.aws.Faults.Hold("")
		var reads sync.WaitGroup
		reads.Go(func() { w.get(secretTarget) })
		w.aws.Counts.MustWaitInFlight(t, awstest.SecretsManager, 1)
		w.get(secretTarget)
		release()
		reads.Wait()
	},
	"no token": func(t *testing.T, met *encounters) {
		w := newWalk(t, met, lambdatest.Options{})
		w.launch("AWS_SESSION_TOKEN=")
		checkInitError(t, w.p)
	},
	"the port is taken": func(t *testing.T, met *encounters) {
		w := newWalk(t, met, lambdatest.Options{})
		taken, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(w.port)))
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		w.launch()
		checkInitError(t, w.p)
	},
	"no registration": func(t *testing.T, met *encounters) {
		w := newWalk(t, met, lambdatest.Options{})
		w.lambda.Fail(lambdatest.Register, lambdatest.Refusal(403, "Extension.TooManyExtensions", "ten are enough"), -1)
		w.launch()
		w.p.mustExit()
	},
	"no more events": func(t *testing.T, met *encounters) {
		w := newWalk(t, met, lambdatest.Options{})
		w.start()
		w.get(secretTarget)
		w.lambda.Fail(lambdatest.Next, lambdatest.Fault{Status: 500, Body: w.token}, -1)
		w.lambda.MustWaitReport(t)
		w.p.mustExit()
	},
}

// readCrowd lets reads wait for the one connection, so that they go together.
func (w *walk) readCrowd() {
	targets := make([]string, 0, 12)
	for n := range cap(targets) / 2 {
		w.aws.Secrets.PutString(fmt.Sprint("crowd-", n), w.secret(uint64(50+n)))
		w.aws.Parameters.PutString(fmt.Sprint("/crowd/", n), w.secret(uint64(60+n)))
		targets = append(targets, pathOfSecret+fmt.Sprint("crowd-", n), pathOfParameter+fmt.Sprint("/crowd/", n))
	}
	var reads sync.WaitGroup
	defer reads.Wait()
	for _, target := range targets {
		reads.Go(func() { w.get(target + "&refreshNow=true") })
	}
}
