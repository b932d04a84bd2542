// This file holds the parameters, their versions and labels.

package awstest

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"time"
)

// Parameters is the store of Systems Manager.
type Parameters struct {
	account account
	now     func() time.Time
	secrets *Secrets // behind /aws/reference/secretsmanager/

	mu         sync.Mutex
	parameters map[place]*parameter
}

// ParameterType is the type of a parameter, by AWS's word for it.
type ParameterType string

// The types of parameters.
const (
	String       ParameterType = "String"
	StringList   ParameterType = "StringList"
	SecureString ParameterType = "SecureString"
)

// Parameter is a value to be put into the store.
type Parameter struct {
	Name     string // names below /aws/service/ make public parameters
	Value    string
	Type     ParameterType // empty: String
	DataType string        // empty: text
	Region   string        // empty: the one of Options
	Modified time.Time     // zero: now
}

type parameter struct {
	name     string
	arn      string
	versions []*parameterVersion
	denied   bool
	keyless  bool
}

type parameterVersion struct {
	Parameter
	number     int64
	ciphertext string
	labels     []string
}

func newParameters(account account, now func() time.Time, secrets *Secrets) *Parameters {
	return &Parameters{account: account, now: now, secrets: secrets, parameters: make(map[place]*parameter)}
}

// Put creates a parameter, or gives an existing one a new version, and returns
// the version's number.
func (p *Parameters) Put(value Parameter) int64 {
	if value.Type == "" {
		value.Type = String
	}
	if value.DataType == "" {
		value.DataType = "text"
	}
	if value.Modified.IsZero() {
		value.Modified = p.now()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	where := p.account.place(value.Region, value.Name)
	stored := p.parameters[where]
	if stored == nil {
		stored = &parameter{name: value.Name, arn: p.account.parameterARN(where)}
		p.parameters[where] = stored
	}
	version := &parameterVersion{Parameter: value, number: int64(len(stored.versions) + 1)}
	if value.Type == SecureString {
		version.ciphertext = newCiphertext(value.Value)
	}
	stored.versions = append(stored.versions, version)
	return version.number
}

// PutString is Put of a String under a name.
func (p *Parameters) PutString(name, value string) int64 {
	return p.Put(Parameter{Name: name, Value: value})
}

// PutSecure is Put of a SecureString under a name.
func (p *Parameters) PutSecure(name, value string) int64 {
	return p.Put(Parameter{Name: name, Value: value, Type: SecureString})
}

// Label attaches a label to a version, from whichever version has it now. It
// panics when there is no such parameter.
func (p *Parameters) Label(name, label string, version int64) {
	p.change(name, func(x *parameter) {
		for _, v := range x.versions {
			v.labels = slices.DeleteFunc(v.labels, func(s string) bool { return s == label })
			if v.number == version {
				v.labels = append(v.labels, label)
			}
		}
	})
}

// Deny refuses reads of this parameter to the role, as without a policy for it.
func (p *Parameters) Deny(name string) { p.change(name, func(x *parameter) { x.denied = true }) }

// DenyKey refuses the role the key by which the parameter is encrypted: reads
// without decryption go on.
func (p *Parameters) DenyKey(name string) { p.change(name, func(x *parameter) { x.keyless = true }) }

// Allow takes Deny and DenyKey back.
func (p *Parameters) Allow(name string) {
	p.change(name, func(x *parameter) { x.denied, x.keyless = false, false })
}

// Remove deletes a parameter.
func (p *Parameters) Remove(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gone := p.mustFind(name)
	for where, stored := range p.parameters {
		if stored == gone {
			delete(p.parameters, where)
		}
	}
}

// ARN returns a parameter's ARN. It panics when there is no such parameter.
func (p *Parameters) ARN(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.mustFind(name).arn
}

// Ciphertext is what a read without decryption gets of a SecureString's newest
// version.
func (p *Parameters) Ciphertext(name string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	versions := p.mustFind(name).versions
	return versions[len(versions)-1].ciphertext
}

func (p *Parameters) change(name string, f func(*parameter)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p.mustFind(name))
}

// mustFind serves the caller who sets the scene, in whichever region the
// parameter is. The caller holds the lock.
func (p *Parameters) mustFind(name string) *parameter {
	if stored := p.find(p.account.region, name); stored != nil {
		return stored
	}
	for where := range p.parameters {
		if stored := p.find(where.region, name); stored != nil {
			return stored
		}
	}
	panic("awstest: there is no parameter " + name)
}

// find looks a parameter up by name or ARN. The caller holds the lock.
func (p *Parameters) find(region, name string) *parameter {
	if stored := p.parameters[place{region, name}]; stored != nil || !strings.HasPrefix(name, "arn:") {
		return stored
	}
	for where, stored := range p.parameters {
		if where.region == region && stored.arn == name {
			return stored
		}
	}
	return nil
}

// canonical is the bare name of the parameter that is meant, for the counts; the
// name without its selector when there is none.
func (p *Parameters) canonical(region, name string) string {
	bare, _, _ := splitSelector(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	if stored := p.find(region, bare); stored != nil {
		return stored.name
	}
	return bare
}

// newCiphertext looks like what KMS makes of a value: random, and begun by the
// same bytes that every ciphertext of KMS begins with.
func newCiphertext(value string) string {
	blob := make([]byte, 5+150+len(value))
	copy(blob, []byte{0x01, 0x02, 0x02, 0x00, 0x78})
	rand.Read(blob[5:])
	return base64.StdEncoding.EncodeToString(blob)
}
