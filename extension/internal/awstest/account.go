// This file holds what names are made of: the account, its ARNs, and random
// parts.

package awstest

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// account is whose stores are played.
type account struct {
	id     string
	region string // of values that name none
	role   string
}

// place is where a value lives: a name is unique in its region only.
type place struct {
	region string
	name   string
}

func (a account) place(region, name string) place {
	if region == "" {
		region = a.region
	}
	return place{region, name}
}

func (a account) secretARN(p place, suffix string) string {
	return fmt.Sprintf("arn:%s:secretsmanager:%s:%s:secret:%s-%s", partitionOf(p.region), p.region, a.id, p.name, suffix)
}

// parameterARN leaves the account out of a public parameter's ARN, and never has
// two slashes where a hierarchical name begins.
func (a account) parameterARN(p place) string {
	owner := a.id
	if strings.HasPrefix(p.name, "/aws/service/") {
		owner = ""
	}
	return fmt.Sprintf("arn:%s:ssm:%s:%s:parameter/%s", partitionOf(p.region), p.region, owner, strings.TrimPrefix(p.name, "/"))
}

func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// newSuffix is what Secrets Manager hangs on a name to make the ARN: six letters
// and digits.
func newSuffix() string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	var b [6]byte
	rand.Read(b[:])
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b[:])
}

// newUUID is a random UUID of version 4 (RFC 9562).
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
