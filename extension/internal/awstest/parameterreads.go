// This file answers the reads of Parameter Store.

package awstest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// parameterValue is an answered parameter.
type parameterValue struct {
	ARN              string
	DataType         string
	LastModifiedDate json.Number
	Name             string
	Selector         string `json:",omitempty"`
	SourceResult     string `json:",omitempty"`
	Type             ParameterType
	Value            string
	Version          int64
}

func (p *Parameters) get(asked request) (any, *apiError) {
	value, refused := p.value(asked, asked.Name, "ssm:GetParameter")
	if refused != nil {
		return nil, refused
	}
	return struct{ Parameter *parameterValue }{value}, nil
}

func (p *Parameters) getMany(asked request) (any, *apiError) {
	const limit = 10
	if len(asked.Names) == 0 || len(asked.Names) > limit {
		return nil, invalid(fmt.Sprintf("1 validation error detected: Value at 'names' failed to satisfy constraint: "+
			"Member must have length between 1 and %d", limit))
	}
	answer := struct {
		InvalidParameters []string
		Parameters        []*parameterValue
	}{[]string{}, []*parameterValue{}}
	for _, name := range asked.Names {
		value, refused := p.value(asked, name, "ssm:GetParameters")
		switch {
		case refused == nil:
			answer.Parameters = append(answer.Parameters, value)
		case refused.code == "ParameterNotFound" || refused.code == "ParameterVersionNotFound":
			answer.InvalidParameters = append(answer.InvalidParameters, name)
		default:
			return nil, refused // One that is denied fails the whole call.
		}
	}
	return answer, nil
}

func (p *Parameters) value(asked request, name, action string) (*parameterValue, *apiError) {
	if name == "" {
		return nil, tooShort("", "name")
	}
	bare, selector, valid := splitSelector(name)
	if !valid {
		return nil, invalid("Invalid parameter name. Please use correct syntax for referencing a version/label  <name>:<version/label>")
	}
	if id, is := strings.CutPrefix(bare, "/aws/reference/secretsmanager/"); is {
		return p.reference(asked, bare, id, selector)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	stored := p.find(asked.region, bare)
	if stored == nil {
		return nil, parameterNotFound()
	}
	if stored.denied {
		return nil, p.account.accessDenied(action, stored.arn)
	}
	version, refused := stored.pick(selector)
	if refused != nil {
		return nil, refused
	}
	value := &parameterValue{
		ARN:              stored.arn,
		DataType:         version.DataType,
		LastModifiedDate: decimal(version.Modified),
		Name:             stored.name,
		Type:             version.Type,
		Value:            version.Value,
		Version:          version.number,
	}
	if selector != "" {
		value.Selector = ":" + selector
	}
	if version.Type == SecureString {
		switch {
		case !asked.WithDecryption:
			value.Value = version.ciphertext
		case stored.keyless:
			return nil, parameterKeyDenied()
		}
	}
	return value, nil
}

func (x *parameter) pick(selector string) (*parameterVersion, *apiError) {
	if selector == "" {
		return x.versions[len(x.versions)-1], nil
	}
	number, notNumber := strconv.ParseInt(selector, 10, 64)
	for _, version := range x.versions {
		if notNumber == nil && version.number == number || slices.Contains(version.labels, selector) {
			return version, nil
		}
	}
	if notNumber == nil {
		return nil, parameterVersionNotFound(selector, x.name)
	}
	return nil, parameterLabelNotFound(selector, x.name)
}

// reference reads a secret through Parameter Store, which passes on what Secrets
// Manager answers, as text, in SourceResult.
func (p *Parameters) reference(asked request, name, id, selector string) (*parameterValue, *apiError) {
	if !asked.WithDecryption {
		return nil, invalid("WithDecryption flag must be True for retrieving a Secret Manager secret.")
	}
	read := request{SecretID: id, region: asked.region}
	if len(selector) >= 32 { // the least length of a version's id, and more than labels are in practice
		read.VersionID = selector
	} else {
		read.VersionStage = selector
	}
	secret, refused := p.secrets.value(read, "secretsmanager:GetSecretValue")
	if refused != nil {
		return nil, referenceFailed(refused, name)
	}
	secret.CreatedDate = decimal(secret.created)
	value := &parameterValue{
		ARN:              secret.ARN,
		DataType:         "text",
		LastModifiedDate: secret.CreatedDate,
		Name:             name,
		SourceResult:     string(encode(secret)),
		Type:             SecureString,
	}
	if secret.SecretString != nil {
		value.Value = *secret.SecretString
	} else {
		value.Value = base64.StdEncoding.EncodeToString(secret.SecretBinary)
	}
	if selector != "" {
		value.Selector = ":" + selector
	}
	return value, nil
}

// splitSelector takes name:selector apart. The colons of an ARN belong to the
// name.
func splitSelector(name string) (bare, selector string, valid bool) {
	head, rest := "", name
	if strings.HasPrefix(name, "arn:") {
		if i := strings.Index(name, ":parameter/"); i >= 0 {
			i += len(":parameter/")
			head, rest = name[:i], name[i:]
		}
	}
	bare, selector, found := strings.Cut(rest, ":")
	return head + bare, selector, !found || selector != "" && !strings.Contains(selector, ":")
}

// decimal is a date as Systems Manager writes it, such as 1530018761.888.
func decimal(t time.Time) json.Number {
	return json.Number(strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', -1, 64))
}
