// This file holds the secrets, their versions and staging labels.

package awstest

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// Secrets is the store of Secrets Manager.
type Secrets struct {
	account account
	now     func() time.Time

	mu      sync.Mutex
	secrets map[place]*secret
}

// Secret is a value to be put into the store.
type Secret struct {
	Name      string
	String    string
	Binary    []byte    // not nil: a binary value, and String is not looked at
	Region    string    // empty: the one of Options
	VersionID string    // empty: a new UUID
	Created   time.Time // of this version; zero: now
}

type secret struct {
	name     string
	arn      string
	versions []*secretVersion
	deleted  bool
	denied   bool
	keyless  bool
}

type secretVersion struct {
	id      string
	text    string
	binary  []byte
	created time.Time
	stages  []string
}

func newSecrets(account account, now func() time.Time) *Secrets {
	return &Secrets{account: account, now: now, secrets: make(map[place]*secret)}
}

// Put creates a secret, or gives an existing one a new current version, and
// returns the secret's ARN.
func (s *Secrets) Put(value Secret) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	where := s.account.place(value.Region, value.Name)
	stored := s.secrets[where]
	if stored == nil {
		stored = &secret{name: value.Name, arn: s.account.secretARN(where, newSuffix())}
		s.secrets[where] = stored
	}
	s.advance(stored, value)
	return stored.arn
}

// PutString is Put of a text under a name.
func (s *Secrets) PutString(name, value string) string {
	return s.Put(Secret{Name: name, String: value})
}

// Rotate gives a secret a new value, as a rotation ends: AWSCURRENT moves to a
// new version, AWSPREVIOUS to the one that had AWSCURRENT. It returns the new
// version's id and panics when there is no such secret.
func (s *Secrets) Rotate(name, value string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.advance(s.mustFind(name), Secret{String: value})
}

// Stage attaches a staging label to a version, from whichever version has it
// now. AWSPENDING and custom labels are given this way.
func (s *Secrets) Stage(name, stage, versionID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFind(name).move(stage, versionID)
}

// MarkDeleted schedules a secret for deletion: it exists, and is refused.
func (s *Secrets) MarkDeleted(name string) { s.change(name, func(x *secret) { x.deleted = true }) }

// Restore takes MarkDeleted back.
func (s *Secrets) Restore(name string) { s.change(name, func(x *secret) { x.deleted = false }) }

// Deny refuses reads of this secret to the role, as without a policy for it.
func (s *Secrets) Deny(name string) { s.change(name, func(x *secret) { x.denied = true }) }

// DenyKey refuses the role the key by which the secret is encrypted.
func (s *Secrets) DenyKey(name string) { s.change(name, func(x *secret) { x.keyless = true }) }

// Allow takes Deny and DenyKey back.
func (s *Secrets) Allow(name string) {
	s.change(name, func(x *secret) { x.denied, x.keyless = false, false })
}

// Remove deletes a secret for good. Put makes a new one of the name with another
// ARN.
func (s *Secrets) Remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := s.mustFind(name)
	for where, stored := range s.secrets {
		if stored == gone {
			delete(s.secrets, where)
		}
	}
}

// ARN returns a secret's full ARN. It panics when there is no such secret.
func (s *Secrets) ARN(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mustFind(name).arn
}

// VersionID returns the id of the version that has this staging label, or "".
func (s *Secrets) VersionID(name, stage string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version := s.mustFind(name).staged(stage); version != nil {
		return version.id
	}
	return ""
}

func (s *Secrets) change(name string, f func(*secret)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.mustFind(name))
}

func (s *Secrets) advance(stored *secret, value Secret) string {
	version := &secretVersion{id: value.VersionID, text: value.String, binary: value.Binary, created: value.Created}
	if version.id == "" {
		version.id = newUUID()
	}
	if version.created.IsZero() {
		version.created = s.now()
	}
	stored.versions = append(stored.versions, version)
	if former := stored.staged("AWSCURRENT"); former != nil {
		stored.move("AWSPREVIOUS", former.id)
	}
	stored.move("AWSCURRENT", version.id)
	return version.id
}

func (x *secret) staged(stage string) *secretVersion {
	for _, version := range x.versions {
		if slices.Contains(version.stages, stage) {
			return version
		}
	}
	return nil
}

func (x *secret) move(stage, versionID string) {
	for _, version := range x.versions {
		version.stages = slices.DeleteFunc(version.stages, func(s string) bool { return s == stage })
		if version.id == versionID {
			version.stages = append(version.stages, stage)
		}
	}
}

// mustFind serves the caller who sets the scene, in whichever region the secret
// is. The caller holds the lock.
func (s *Secrets) mustFind(name string) *secret {
	if stored := s.find(s.account.region, name); stored != nil {
		return stored
	}
	for where := range s.secrets {
		if stored := s.find(where.region, name); stored != nil {
			return stored
		}
	}
	panic("awstest: there is no secret " + name)
}

// find looks a secret up by name, ARN, or ARN without the random suffix. The
// caller holds the lock.
func (s *Secrets) find(region, id string) *secret {
	if stored := s.secrets[place{region, id}]; stored != nil {
		return stored
	}
	if !strings.HasPrefix(id, "arn:") {
		return nil
	}
	for where, stored := range s.secrets {
		if where.region == region && (stored.arn == id || stored.arn[:len(stored.arn)-len("-abcdef")] == id) {
			return stored
		}
	}
	return nil
}

// canonical is the name of the secret that the id means, for the counts; the id
// itself when there is none.
func (s *Secrets) canonical(region, id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stored := s.find(region, id); stored != nil {
		return stored.name
	}
	return id
}
