// This file takes a call in and writes its answer: the one way that all
// operations go.

package awstest

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Operation is an operation of AWS by its own name. The empty Operation stands
// for every one of them.
type Operation string

// The operations that are served.
const (
	GetSecretValue      Operation = "GetSecretValue"
	BatchGetSecretValue Operation = "BatchGetSecretValue"
	GetParameter        Operation = "GetParameter"
	GetParameters       Operation = "GetParameters"
	PutLogEvents        Operation = "PutLogEvents"
	CreateLogStream     Operation = "CreateLogStream"
	CreateLogGroup      Operation = "CreateLogGroup"
)

// Service is a service of AWS by its name in signatures. The empty Service
// stands for all.
type Service string

// The services that are served.
const (
	SecretsManager Service = "secretsmanager"
	ParameterStore Service = "ssm"
	CloudWatchLogs Service = "logs"
)

// Service says to which service an operation belongs.
func (o Operation) Service() Service {
	switch o {
	case GetSecretValue, BatchGetSecretValue:
		return SecretsManager
	case GetParameter, GetParameters:
		return ParameterStore
	case PutLogEvents, CreateLogStream, CreateLogGroup:
		return CloudWatchLogs
	}
	return ""
}

// request holds the parameters of all operations; each reads its own.
type request struct {
	SecretID       string     `json:"SecretId"`
	VersionID      string     `json:"VersionId"`
	VersionStage   string     `json:"VersionStage"`
	SecretIDs      []string   `json:"SecretIdList"`
	Filters        []any      `json:"Filters"`
	Name           string     `json:"Name"`
	Names          []string   `json:"Names"`
	WithDecryption bool       `json:"WithDecryption"`
	LogGroup       string     `json:"logGroupName"`
	LogStream      string     `json:"logStreamName"`
	LogEvents      []LogEvent `json:"logEvents"`

	region string // of the signature
}

// names are what the request asks for, as the client spelled it.
func (r request) names() []string {
	switch {
	case r.SecretID != "":
		return []string{r.SecretID}
	case r.Name != "":
		return []string{r.Name}
	case r.SecretIDs != nil:
		return r.SecretIDs
	case r.LogGroup != "":
		return []string{r.LogGroup}
	}
	return r.Names
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 8<<20)) // a full call of PutLogEvents has over a megabyte
	if err != nil {
		return
	}
	call := Call{
		At:           time.Now(),
		Operation:    operationOf(r.Header.Get("X-Amz-Target")),
		UserAgent:    r.UserAgent(),
		SessionToken: r.Header.Get("X-Amz-Security-Token"),
		RequestID:    newUUID(),
	}
	var asked request
	malformed := json.Unmarshal(body, &asked) != nil
	call.Names = asked.names()
	signed, refused := readSignature(r, call.Operation)
	call.Region, call.Service, call.AccessKeyID = signed.region, signed.service, signed.accessKeyID
	asked.region = signed.region
	call.canonical = s.canonical(call)

	connection, _ := r.Context().Value(connectionKey{}).(net.Conn)
	leave := s.Counts.enter(&call, connection)
	defer leave(0) // It counts when nothing was answered; else the call is over already.

	fault := s.Faults.meet(r.Context(), call)
	var answer any
	switch {
	case malformed:
		refused = &apiError{code: "SerializationException"}
	case refused == nil:
		refused = s.Credentials.check(call)
	}
	if refused == nil && s.Faults.overRate(call.Operation.Service()) {
		refused = throttled()
	}
	if failed := fault != nil && !fault.cut; refused == nil && !(failed && call.Operation.Service() == CloudWatchLogs) {
		answer, refused = s.answer(call.Operation, asked) // what fails is not stored
	}
	if fault != nil && fault.refusal != nil {
		refused, fault = fault.refusal.of(call.Operation.Service()), nil
	}

	header := w.Header()
	header.Set("X-Amzn-Requestid", call.RequestID)
	header.Set("Content-Type", "application/x-amz-json-1.1")
	status := http.StatusOK
	if refused != nil {
		status, answer = refused.statusCode(), refused.document(call.Operation.Service(), s.options.ErrorTypeInHeader)
		if s.options.ErrorTypeInHeader {
			header.Set("X-Amzn-Errortype", refused.code)
		}
	}
	encoded := encode(answer)
	if fault != nil {
		if !fault.hang && !fault.stall {
			leave(fault.status)
		}
		s.Faults.fail(w, r, *fault, encoded)
		return
	}
	leave(status) // Before the answer goes out, so that who has read it finds it counted.
	header.Set("Content-Length", strconv.Itoa(len(encoded)))
	w.WriteHeader(status)
	w.Write(encoded)
}

// canonical finds the stored names behind those of a call.
func (s *Server) canonical(call Call) []string {
	var stored []string
	for _, name := range call.Names {
		switch call.Operation.Service() {
		case SecretsManager:
			stored = append(stored, s.Secrets.canonical(call.Region, name))
		case ParameterStore:
			stored = append(stored, s.Parameters.canonical(call.Region, name))
		}
	}
	return stored
}

func (s *Server) answer(operation Operation, asked request) (any, *apiError) {
	switch operation {
	case GetSecretValue:
		return s.Secrets.get(asked)
	case BatchGetSecretValue:
		return s.Secrets.getBatch(asked)
	case GetParameter:
		return s.Parameters.get(asked)
	case GetParameters:
		return s.Parameters.getMany(asked)
	case PutLogEvents, CreateLogStream, CreateLogGroup:
		return s.Logs.answer(operation, asked)
	}
	return nil, &apiError{code: "UnknownOperationException"}
}

// operationOf reads X-Amz-Target, such as "AmazonSSM.GetParameter".
func operationOf(target string) Operation {
	prefix, name, _ := strings.Cut(target, ".")
	operation := Operation(name)
	if prefix == "secretsmanager" && operation.Service() == SecretsManager ||
		prefix == "AmazonSSM" && operation.Service() == ParameterStore ||
		prefix == "Logs_20140328" && operation.Service() == CloudWatchLogs {
		return operation
	}
	return "unknown"
}

// encode writes JSON as the services do, which leave <, > and & alone.
func encode(document any) []byte {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		panic("awstest: encoding an answer: " + err.Error()) // All documents are of this package and encode.
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n"))
}
