// This file reads who signed a call.

package awstest

import (
	"fmt"
	"net/http"
	"strings"
)

// signature is what a Signature Version 4 Authorization header says of its
// signer.
type signature struct {
	accessKeyID string
	region      string
	service     Service
}

// readSignature checks that a call is signed for this service, not that the
// signature is right: the secret key is the caller's own affair here.
func readSignature(r *http.Request, operation Operation) (signature, *apiError) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return signature{}, &apiError{code: "MissingAuthenticationTokenException", message: "Missing Authentication Token"}
	}
	incomplete := &apiError{code: "IncompleteSignatureException", message: "Authorization header is not of AWS Signature Version 4."}
	rest, is := strings.CutPrefix(header, "AWS4-HMAC-SHA256 Credential=")
	if !is || !strings.Contains(rest, "SignedHeaders=") || !strings.Contains(rest, "Signature=") {
		return signature{}, incomplete
	}
	scope, _, _ := strings.Cut(rest, ",")
	parts := strings.Split(scope, "/")
	if len(parts) != 5 || parts[4] != "aws4_request" {
		return signature{}, incomplete
	}
	signed := signature{accessKeyID: parts[0], region: parts[2], service: Service(parts[3])}
	if right := operation.Service(); right != "" && signed.service != right {
		return signed, &apiError{
			code:    "InvalidSignatureException",
			message: fmt.Sprintf("Credential should be scoped to correct service: '%s'.", right),
		}
	}
	return signed, nil
}
