// This file holds the errors of the services, in the services' own words: what
// is under test passes these sentences on, and its users search the web for
// them.

package awstest

import (
	"fmt"
	"net/http"
)

// apiError is an error as AWS answers it. A message that is empty is left out of
// the body, as Parameter Store does for a parameter that does not exist.
type apiError struct {
	status  int // zero: 400, which is what the JSON protocol has for nearly all
	code    string
	message string
}

func (e *apiError) statusCode() int {
	if e.status == 0 {
		return http.StatusBadRequest
	}
	return e.status
}

// document is the body. Which of "Message" and "message" it has depends on who
// writes it: the front end that all services share, or the service.
func (e *apiError) document(service Service, typeInHeader bool) any {
	document := make(map[string]string)
	if !typeInHeader {
		document["__type"] = e.code
		if e.code == "ValidationException" && service == SecretsManager {
			document["__type"] = "com.amazon.AWSMimirService#ValidationException"
		}
	}
	if e.message == "" {
		return document
	}
	switch {
	case e.code == "AccessDeniedException", service == SecretsManager && e.isOfSecretsManager():
		document["Message"] = e.message
	default:
		document["message"] = e.message
	}
	return document
}

// isOfSecretsManager says whether the code is in the service's own model.
func (e *apiError) isOfSecretsManager() bool {
	switch e.code {
	case "ResourceNotFoundException", "InvalidRequestException", "InvalidParameterException",
		"DecryptionFailure", "InternalServiceError":
		return true
	}
	return false
}

// of gives an error the code that the service has for it, where the two differ.
func (e *apiError) of(service Service) *apiError {
	if e.code == "InternalServiceError" && service == ParameterStore {
		return &apiError{status: e.status, code: "InternalServerError", message: e.message}
	}
	return e
}

func throttled() *apiError {
	return &apiError{code: "ThrottlingException", message: "Rate exceeded"}
}

func secretNotFound() *apiError {
	return &apiError{code: "ResourceNotFoundException", message: "Secrets Manager can't find the specified secret."}
}

func secretValueNotFound(selector string) *apiError {
	return &apiError{
		code:    "ResourceNotFoundException",
		message: "Secrets Manager can't find the specified secret value for " + selector,
	}
}

func secretMarkedDeleted() *apiError {
	return &apiError{
		code:    "InvalidRequestException",
		message: "You can't perform this operation on the secret because it was marked for deletion.",
	}
}

func stageNotOfVersion() *apiError {
	return &apiError{
		code:    "InvalidRequestException",
		message: "You provided a VersionStage that is not associated to the provided VersionId.",
	}
}

func secretKeyDenied() *apiError {
	return &apiError{code: "AccessDeniedException", message: "Access to KMS is not allowed"}
}

func parameterKeyDenied() *apiError {
	return &apiError{
		code: "AccessDeniedException",
		message: "The ciphertext refers to a customer master key that does not exist, does not exist in this region, " +
			"or you are not allowed to access. (Service: AWSKMS; Status Code: 400; Error Code: AccessDeniedException; " +
			"Request ID: " + newUUID() + "; Proxy: null)",
	}
}

func parameterNotFound() *apiError { return &apiError{code: "ParameterNotFound"} }

func parameterVersionNotFound(version, name string) *apiError {
	return &apiError{
		code:    "ParameterVersionNotFound",
		message: fmt.Sprintf("Systems Manager could not find version %s of %s. Verify the version and try again.", version, name),
	}
}

// parameterLabelNotFound has the sentence of a missing version: AWS documents
// the code for both, and no sentence of its own is known.
func parameterLabelNotFound(label, name string) *apiError {
	return parameterVersionNotFound(label, name)
}

func referenceFailed(why *apiError, name string) *apiError {
	if why.code == "ResourceNotFoundException" {
		return &apiError{
			code: "ParameterNotFound",
			message: "An error occurred (ParameterNotFound) when referencing Secrets Manager: Secret " +
				name + " not found.",
		}
	}
	return &apiError{
		code:    why.code,
		message: fmt.Sprintf("An error occurred (%s) when referencing Secrets Manager: %s", why.code, why.message),
	}
}

func invalid(message string) *apiError {
	return &apiError{code: "ValidationException", message: message}
}

func tooShort(value, field string) *apiError {
	return invalid(fmt.Sprintf("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: "+
		"Member must have length greater than or equal to 1", value, field))
}

// accessDenied is IAM's sentence when no statement allows the action.
func (a account) accessDenied(action, resource string) *apiError {
	return &apiError{
		code: "AccessDeniedException",
		message: fmt.Sprintf("User: arn:%s:sts::%s:assumed-role/%s/function is not authorized to perform: %s on resource: %s "+
			"because no identity-based policy allows the %s action", partitionOf(a.region), a.id, a.role, action, resource, action),
	}
}
