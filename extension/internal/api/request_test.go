package api_test

import (
	"net/url"
	"strings"
	"testing"

	"larder/extension/internal/source"
)

const (
	secretPath    = "/secretsmanager/get"
	parameterPath = "/systemsmanager/parameters/get"
)

func secret(name string) source.Query {
	return source.Query{Service: source.SecretsManager, Name: name}
}

func parameter(name, selector string) source.Query {
	return source.Query{Service: source.ParameterStore, Name: name, Selector: selector}
}

// checkParsed proves what reaches the reader.
func checkParsed(t *testing.T, s *service, target string, want source.Query, refresh bool) {
	t.Helper()
	_, before := s.reader.last()
	got := s.mustGet(t, target)
	read, n := s.reader.last()
	if got.status != 200 || n != before+1 || read.Query != want || read.refresh != refresh {
		t.Errorf("%s: %d %s\ngot  %+v\nwant %+v, refresh %t", target, got.status, got.body, read, want, refresh)
	}
}

// A secret is asked for by any form of its name, in any encoding, among parameters that nobody knows.
func TestParseSecret(t *testing.T) {
	s := mustServe(t, defaults())
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"
	for query, want := range map[string]source.Query{
		"secretId=a":                                    secret("a"),
		"secretId=prod/db":                              secret("prod/db"),
		"secretId=prod%2Fdb":                            secret("prod/db"),
		"secretId=prod%2fdb":                            secret("prod/db"),
		"secretId=a+b":                                  secret("a b"),
		"secretId=a%20b":                                secret("a b"),
		"secretId=a%2Bb":                                secret("a+b"),
		"secretId=" + arn:                               secret(arn),
		"secretId=" + url.QueryEscape(arn):              secret(arn),
		"secretId=%C3%BC":                               secret("ü"),
		"secretId=a=b":                                  secret("a=b"),
		"secret%49d=a":                                  secret("a"),
		"&&secretId=a&":                                 secret("a"),
		"junk&junk=1&=&secretId=a&%zz=1&x=%":            secret("a"),
		"secretId=a&secretId=b":                         secret("a"),
		"secretId=&secretId=b":                          secret("b"),
		"secretid=b&secretId=a":                         secret("a"),
		"secretId=a&versionStage=AWSCURRENT":            secret("a"),
		"secretId=a&versionId=&versionStage=":           secret("a"),
		"secretId=a&name=b&withDecryption=true&label=c": secret("a"),
		"secretId=" + strings.Repeat("x", 2048):         secret(strings.Repeat("x", 2048)),
		"versionStage=AWSPREVIOUS&secretId=a":           {Service: source.SecretsManager, Name: "a", VersionStage: "AWSPREVIOUS"},
		"secretId=a&versionId=x":                        {Service: source.SecretsManager, Name: "a", VersionID: "x"},
		"secretId=a&versionId=x&versionStage=AWSCURRENT": {
			Service: source.SecretsManager, Name: "a", VersionID: "x", VersionStage: "AWSCURRENT",
		},
	} {
		checkParsed(t, s, secretPath+"?"+query, want, false)
	}
}

// A parameter is asked for by both paths; of version and label the one that stands first counts.
func TestParseParameter(t *testing.T) {
	s := mustServe(t, defaults())
	decrypted := parameter("a", "")
	decrypted.WithDecryption = true
	for query, want := range map[string]source.Query{
		"name=a":                                     parameter("a", ""),
		"name=/prod/a":                               parameter("/prod/a", ""),
		"name=%2Fprod%2Fa":                           parameter("/prod/a", ""),
		"name=a:3":                                   parameter("a:3", ""),
		"name=a%3Alabel":                             parameter("a:label", ""),
		"name=a&version=3":                           parameter("a", "3"),
		"name=a&version=0":                           parameter("a", "0"),
		"name=a&label=Dev":                           parameter("a", "Dev"),
		"version=3&label=Dev&name=a":                 parameter("a", "3"),
		"label=Dev&version=3&name=a":                 parameter("a", "Dev"),
		"label=Dev&version=x&name=a":                 parameter("a", "Dev"),
		"name=a&version=&label=Dev":                  parameter("a", "Dev"),
		"name=a&version=3&version=x":                 parameter("a", "3"),
		"name=a&withDecryption=":                     parameter("a", ""),
		"name=a&withDecryption=0":                    parameter("a", ""),
		"name=a&withDecryption=FALSE":                parameter("a", ""),
		"name=a&withDecryption=true":                 decrypted,
		"name=a&withDecryption=TRUE":                 decrypted,
		"withDecryption=1&name=a":                    decrypted,
		"name=a&secretId=b&versionStage=c":           parameter("a", ""),
		"name=/aws/reference/secretsmanager/prod/db": parameter("/aws/reference/secretsmanager/prod/db", ""),
	} {
		checkParsed(t, s, parameterPath+"?"+query, want, false)
		checkParsed(t, s, parameterPath+"/?"+query, want, false)
	}
}

// refreshNow is understood on both paths, in every spelling of true and false.
func TestParseRefresh(t *testing.T) {
	s := mustServe(t, defaults())
	for value, want := range map[string]bool{
		"true": true, "True": true, "TRUE": true, "1": true, "false": false, "False": false, "0": false, "": false,
	} {
		checkParsed(t, s, secretPath+"?refreshNow="+value+"&secretId=a", secret("a"), want)
		checkParsed(t, s, parameterPath+"?name=a&refreshNow="+value, parameter("a", ""), want)
	}
}

// Of a truth value that is given twice the first counts, as of every other parameter.
func TestParseTwiceGivenBool(t *testing.T) {
	s := mustServe(t, defaults())
	decrypted := parameter("a", "")
	decrypted.WithDecryption = true
	checkParsed(t, s, secretPath+"?secretId=a&refreshNow=true&refreshNow=false", secret("a"), true)
	checkParsed(t, s, secretPath+"?secretId=a&refreshNow=false&refreshNow=true", secret("a"), false)
	checkParsed(t, s, parameterPath+"?name=a&withDecryption=true&withDecryption=junk", decrypted, false)
	checkParsed(t, s, parameterPath+"?name=a&withDecryption=false&withDecryption=true", parameter("a", ""), false)
}

// What cannot be asked for is refused with the parameter's name, and nothing reaches the reader.
func TestParseRefusals(t *testing.T) {
	s := mustServe(t, defaults())
	for target, want := range map[string][2]string{
		secretPath:                                            {"MissingParameter", "secretId"},
		secretPath + "?":                                      {"MissingParameter", "secretId"},
		secretPath + "?secretId=":                             {"MissingParameter", "secretId"},
		secretPath + "?secretId":                              {"MissingParameter", "secretId"},
		secretPath + "?name=a":                                {"MissingParameter", "secretId"},
		secretPath + "?SECRETID=a":                            {"MissingParameter", "secretId"},
		parameterPath:                                         {"MissingParameter", "name"},
		parameterPath + "/?name=&label=a":                     {"MissingParameter", "name"},
		parameterPath + "?secretId=a":                         {"MissingParameter", "name"},
		secretPath + "?secretId=a&refreshNow=yes":             {"InvalidParameter", "refreshNow"},
		parameterPath + "?name=a&refreshNow=2":                {"InvalidParameter", "refreshNow"},
		parameterPath + "?name=a&withDecryption=x":            {"InvalidParameter", "withDecryption"},
		parameterPath + "?name=a&version=x":                   {"InvalidParameter", "version"},
		parameterPath + "?name=a&version=-1":                  {"InvalidParameter", "version"},
		parameterPath + "?name=a&version=%2B1":                {"InvalidParameter", "version"},
		parameterPath + "?name=a&version=1.0":                 {"InvalidParameter", "version"},
		parameterPath + "?name=a&version=1_000":               {"InvalidParameter", "version"},
		parameterPath + "?name=a&version=0x1":                 {"InvalidParameter", "version"},
		parameterPath + "?name=a&version=9223372036854775808": {"InvalidParameter", "version"},
		secretPath + "?secretId=a%00b":                        {"InvalidParameter", "secretId"},
		secretPath + "?secretId=a%0Ab":                        {"InvalidParameter", "secretId"},
		secretPath + "?secretId=a%7F":                         {"InvalidParameter", "secretId"},
		secretPath + "?secretId=%FF":                          {"InvalidParameter", "secretId"},
		secretPath + "?secretId=%C3":                          {"InvalidParameter", "secretId"},
		secretPath + "?secretId=" + strings.Repeat("x", 2049): {"InvalidParameter", "secretId"},
		secretPath + "?secretId=a&versionId=%0D":              {"InvalidParameter", "versionId"},
		secretPath + "?secretId=a&versionStage=%1B":           {"InvalidParameter", "versionStage"},
		parameterPath + "?name=%E2%80":                        {"InvalidParameter", "name"},
		parameterPath + "?name=a&label=%09":                   {"InvalidParameter", "label"},
	} {
		checkFailure(t, s.mustGet(t, target), 400, want[0], "parameter "+want[1]+" is ")
	}
	if _, n := s.reader.last(); n > 0 {
		t.Errorf("%d reads", n)
	}
}

// No other path is answered, and the answer names those that are.
func TestUnknownPaths(t *testing.T) {
	s := mustServe(t, defaults())
	for _, path := range []string{
		"/", "/secretsmanager", "/secretsmanager/", "/secretsmanager/get/", "/secretsmanager/get/x", "//secretsmanager/get",
		"/secretsmanager/./get", "/x/../secretsmanager/get", "/secretsmanager%2Fget", "/SecretsManager/get",
		"/systemsmanager/parameters", "/systemsmanager/parameters/get//", "/systemsmanager/parameters/get/a",
	} {
		got := s.mustGet(t, path+"?secretId=a&name=a")
		checkFailure(t, got, 404, "UnknownPath", secretPath)
		checkFailure(t, got, 404, "UnknownPath", parameterPath)
	}
}

// Reads are GET or HEAD; others are told so.
func TestMethods(t *testing.T) {
	s := mustServe(t, defaults())
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "BREW", "get"} {
		got := s.mustSend(t, request(method, secretPath+"?secretId=a"))
		checkFailure(t, got, 405, "MethodNotAllowed", "GET")
		if allow := got.header.Get("Allow"); allow != "GET, HEAD" {
			t.Errorf("%s: Allow is %q", method, allow)
		}
	}
	got := s.mustSend(t, request("POST", secretPath+"?secretId=a", "Content-Length: 2")+"{}")
	checkFailure(t, got, 405, "MethodNotAllowed", "GET")

	got = s.mustSend(t, request("HEAD", secretPath+"?secretId=a"))
	if got.status != 200 || got.body != "" || got.header.Get("Content-Length") != "7" || got.header.Get("Age") != "61" {
		t.Errorf("HEAD: %+v", got)
	}
}
