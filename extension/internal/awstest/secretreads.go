// This file answers the reads of Secrets Manager.

package awstest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// secretValue is the answer of GetSecretValue, and an item of the batch's.
type secretValue struct {
	ARN           string
	Name          string
	VersionID     string  `json:"VersionId"`
	SecretBinary  []byte  `json:",omitempty"`
	SecretString  *string `json:",omitempty"`
	VersionStages []string
	CreatedDate   json.Number

	created time.Time
}

func (s *Secrets) get(asked request) (any, *apiError) {
	value, refused := s.value(asked, "secretsmanager:GetSecretValue")
	if refused != nil {
		return nil, refused
	}
	return value, nil
}

func (s *Secrets) value(asked request, action string) (*secretValue, *apiError) {
	if asked.SecretID == "" {
		return nil, tooShort("", "secretId")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := s.find(asked.region, asked.SecretID)
	if stored == nil {
		return nil, secretNotFound()
	}
	if stored.denied {
		return nil, s.account.accessDenied(action, stored.arn)
	}
	if stored.deleted {
		return nil, secretMarkedDeleted()
	}
	version, refused := stored.pick(asked.VersionID, asked.VersionStage)
	if refused != nil {
		return nil, refused
	}
	if stored.keyless {
		return nil, secretKeyDenied()
	}
	value := &secretValue{
		ARN:           stored.arn,
		Name:          stored.name,
		VersionID:     version.id,
		VersionStages: slices.Clone(version.stages),
		CreatedDate:   scientific(version.created),
		created:       version.created,
	}
	if version.binary != nil {
		value.SecretBinary = version.binary
	} else {
		value.SecretString = &version.text
	}
	return value, nil
}

func (x *secret) pick(versionID, stage string) (*secretVersion, *apiError) {
	if versionID == "" {
		if stage == "" {
			stage = "AWSCURRENT"
		}
		if version := x.staged(stage); version != nil {
			return version, nil
		}
		return nil, secretValueNotFound("staging label: " + stage)
	}
	for _, version := range x.versions {
		if version.id != versionID {
			continue
		}
		if stage != "" && !slices.Contains(version.stages, stage) {
			return nil, stageNotOfVersion()
		}
		return version, nil
	}
	return nil, secretValueNotFound("VersionId: " + versionID)
}

// batchFailure is what BatchGetSecretValue says of an id that it could not read.
type batchFailure struct {
	ErrorCode string
	Message   string
	SecretID  string `json:"SecretId"`
}

func (s *Secrets) getBatch(asked request) (any, *apiError) {
	const limit = 20
	switch {
	case len(asked.Filters) > 0 || len(asked.SecretIDs) == 0:
		return nil, &apiError{code: "InvalidParameterException", message: "You must provide a SecretIdList; this fake has no Filters."}
	case len(asked.SecretIDs) > limit:
		return nil, invalid(fmt.Sprintf("1 validation error detected: Value at 'secretIdList' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", limit))
	}
	answer := struct {
		Errors       []batchFailure
		SecretValues []*secretValue
	}{[]batchFailure{}, []*secretValue{}}
	for _, id := range asked.SecretIDs {
		value, refused := s.value(request{SecretID: id, region: asked.region}, "secretsmanager:GetSecretValue")
		if refused != nil {
			answer.Errors = append(answer.Errors, batchFailure{refused.code, refused.message, id})
			continue
		}
		answer.SecretValues = append(answer.SecretValues, value)
	}
	return answer, nil
}

// scientific is a date as Secrets Manager writes it, such as 1.523477145713E9:
// epoch seconds with the milliseconds as fraction.
func scientific(t time.Time) json.Number {
	seconds := float64(t.UnixMilli()) / 1000
	return json.Number(strings.Replace(strconv.FormatFloat(seconds, 'E', -1, 64), "E+0", "E", 1))
}
