package source

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	smithy "github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Class is what an error of AWS means for the one who asked.
type Class uint8

const (
	// Invalid: the request itself, or the state of what it names, cannot be answered.
	Invalid Class = iota + 1
	// NotFound: there is no such secret, parameter, version or label.
	NotFound
	// Denied: the role may not read it, or not decrypt it.
	Denied
	// Throttled: AWS asks to come back later.
	Throttled
	// Failing: AWS answered 5xx.
	Failing
	// Unreachable: no connection could be made, or it broke.
	Unreachable
	// Unreadable: something answered that is not AWS.
	Unreadable
	// Unauthenticated: there are no credentials, or AWS takes them no more.
	Unauthenticated
	// TimedOut: the time budget is spent.
	TimedOut
)

// String is the class's name.
func (c Class) String() string {
	switch c {
	case Invalid:
		return "Invalid"
	case NotFound:
		return "NotFound"
	case Denied:
		return "Denied"
	case Throttled:
		return "Throttled"
	case Failing:
		return "Failing"
	case Unreachable:
		return "Unreachable"
	case Unreadable:
		return "Unreadable"
	case Unauthenticated:
		return "Unauthenticated"
	case TimedOut:
		return "TimedOut"
	}
	return "Unknown"
}

// Error tells why a read failed. Nothing in it is secret: AWS's own words are taken only from its error
// answers, and of all other trouble it says what kind it was in a sentence of its own.
type Error struct {
	Class     Class
	Operation string // such as GetSecretValue
	Name      string // as it was asked for
	Code      string // AWS's, or one of Larder's own
	Message   string
	RequestID string // AWS's; empty if AWS did not answer
	// Action is what the role may not do, such as ssm:GetParameter; empty if it is not known.
	Action string
	// Asked is when the last attempt began; zero if AWS was not asked.
	Asked time.Time

	once   bool // another attempt at once would end the same
	frozen bool // the time was over only because the process stood still
}

// Error is one line: operation, name, code, message, and AWS's request id where there is one.
func (e *Error) Error() string {
	line := e.Operation + " " + e.Name + ": " + e.Code
	if e.Message != "" {
		line += ": " + e.Message
	}
	if e.Action != "" && !strings.Contains(e.Message, e.Action) {
		line += ": the role, or the key's policy, does not allow " + e.Action
	}
	if e.RequestID != "" {
		line += " (request id " + e.RequestID + ")"
	}
	return line
}

// Transient says that the same read may succeed later with nothing changed by the one who asks.
func (e *Error) Transient() bool { return e.Class >= Throttled }

func (e *Error) during(operation string, q Query) *Error {
	e.Operation, e.Name = operation, q.Name
	return e
}

// classOf knows AWS's error codes that their HTTP status does not classify; 0 for any other.
func classOf(code string) Class {
	switch code {
	case "ResourceNotFoundException", "ParameterNotFound", "ParameterVersionNotFound":
		return NotFound
	case "AccessDeniedException", "AccessDenied", "NotAuthorized", "DecryptionFailure", "KMSAccessDeniedException":
		return Denied
	case "ExpiredTokenException", "ExpiredToken", "RequestExpired", "IncompleteSignature",
		"IncompleteSignatureException", "InvalidClientTokenId", "InvalidSignatureException",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "RequestTimeTooSkewed",
		"SignatureDoesNotMatch", "UnrecognizedClientException":
		return Unauthenticated
	case "InternalServerError", "InternalServiceError", "InternalFailure", "ServiceUnavailable",
		"ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException":
		return Failing
	}
	if _, throttled := retry.DefaultThrottleErrorCodes[code]; throttled {
		return Throttled
	}
	return 0
}

// classify turns what the SDK returned into an Error.
func classify(ctx context.Context, err error) *Error {
	var api smithy.APIError
	var own *Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, errNoCredentials): // first: a credential endpoint's answer looks like one of AWS
		return &Error{Class: Unauthenticated, Code: "NoCredentials", Message: errNoCredentials.Error()}
	case errors.Is(err, errFetchingCredentials):
		return &Error{Class: Unauthenticated, Code: "NoCredentials", Message: errFetchingCredentials.Error()}
	case errors.As(err, &api):
		return answered(err, api)
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return &Error{Class: Unreachable, Code: "NoConnection", once: true,
			Message: "the certificate is not trusted: see AWS_CA_BUNDLE"}
	case ctx.Err() != nil:
		return &Error{Class: TimedOut, Code: "Timeout", Message: "AWS did not answer within the time budget"}
	case errors.As(err, new(*smithyhttp.RequestSendError)):
		return &Error{Class: Unreachable, Code: "NoConnection", Message: unreachable(err)}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, new(net.Error)):
		return &Error{Class: Unreachable, Code: "NoConnection", Message: "the connection broke during the answer"}
	}
	return unreadable()
}

// answered is an error that AWS itself reported.
func answered(err error, api smithy.APIError) *Error {
	e := &Error{Code: api.ErrorCode(), Message: shorten(api.ErrorMessage())}
	status := 0
	var response interface {
		HTTPStatusCode() int
		ServiceRequestID() string
	}
	if errors.As(err, &response) {
		status, e.RequestID = response.HTTPStatusCode(), response.ServiceRequestID()
	}
	if !isWord(e.Code, "._-") { // it is repeated in headers and records, and could be anything
		return unreadable()
	}
	e.Class = classOf(e.Code)
	switch {
	case e.Class == Unauthenticated: // AWS's own words may quote the request, session token and all
		e.Message = "AWS does not accept the credentials"
		if strings.HasPrefix(e.Code, "ExpiredToken") {
			e.Message = "the credentials have expired, and the platform has not renewed them"
		}
	case e.Code == "UnknownError" && status < http.StatusInternalServerError: // such as a proxy's page
		return unreadable()
	case status == http.StatusTooManyRequests:
		e.Class = Throttled
	case e.Class == 0 && status >= http.StatusInternalServerError:
		e.Class = Failing
	case e.Class == 0:
		e.Class = Invalid
	case e.Class == Denied:
		e.Action = actionOf(e.Message)
	}
	return e
}

// actionOf finds what the role may not do in AWS's words. Of a key they do not name it: the services decrypt in the
// caller's name.
func actionOf(message string) string {
	if _, after, found := strings.Cut(message, " not authorized to perform: "); found {
		action, _, _ := strings.Cut(after, " ")
		service, name, _ := strings.Cut(action, ":")
		if isWord(service, "-") && isWord(name, "") {
			return action
		}
		return ""
	}
	if strings.Contains(message, "KMS") || strings.Contains(message, "ciphertext refers to") {
		return "kms:Decrypt"
	}
	return ""
}

// isWord says that a text is of letters, digits and some others.
func isWord(text, others string) bool {
	for _, c := range text {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(others, c) {
			return false
		}
	}
	return text != "" && len(text) <= 64
}

// shorten bounds what is remembered and repeated of AWS's words, which are a sentence or two.
func shorten(message string) string {
	const longest = 1000
	if len(message) <= longest {
		return message
	}
	return strings.ToValidUTF8(message[:longest], "") + "…"
}

// unreadable is an answer that is not of AWS, such as a proxy's page.
func unreadable() *Error {
	return &Error{Class: Unreadable, Code: "UnreadableAnswer", Message: "the answer is not one of AWS"}
}

// unreachable says in a few words what came in the way of a connection. The error's own text stays out: it may
// hold a proxy's address with its password.
func unreachable(err error) string {
	var dns *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &dns):
		return "the name " + dns.Name + " could not be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused"
	case errors.Is(err, syscall.ECONNRESET):
		return "the connection was reset"
	case errors.As(err, &network) && network.Timeout():
		return "no connection could be made in time: does the subnet have a route or a VPC endpoint?"
	}
	return "the connection broke before an answer came"
}
