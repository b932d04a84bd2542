// This file holds what is read: the names, and every value that each of them had, with its time.

package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"larder/extension/internal/awstest"
)

// canary stands in every value and credential and in nothing else, so that one search finds any of them where it
// must not be.
const canary = "CANARY"

// name is a secret or a parameter.
type name struct {
	service awstest.Service
	text    string
	fate    fate
	secure  bool    // a SecureString
	states  []state // oldest first; the last one is that of now
}

type fate int

const (
	steady  fate = iota // always there
	mortal              // sometimes removed, and made anew
	missing             // never there
)

// state is what a name had for a time. Its times are as wide as can be: from before the change to it until after
// the change to the next. An empty value says that there was nothing of the name.
type state struct {
	value     string
	versionID string
	from, to  moment
}

func (s state) gone() bool { return s.value == "" }

const forever = moment(1<<63 - 1)

func newNames() []*name {
	const each = 12
	var names []*name
	for i := range each {
		fate := steady
		switch i {
		case each - 1:
			fate = missing
		case each - 2, each - 3:
			fate = mortal
		}
		names = append(names,
			&name{service: awstest.SecretsManager, text: fmt.Sprintf("soak/secret-%02d", i), fate: fate},
			&name{service: awstest.ParameterStore, text: fmt.Sprintf("/soak/parameter-%02d", i), fate: fate, secure: i%3 == 0})
	}
	return names
}

// target is the path and query that reads it.
func (n *name) target(refresh bool) string {
	query, path := url.Values{}, "/secretsmanager/get"
	if n.service == awstest.SecretsManager {
		query.Set("secretId", n.text)
	} else {
		path = "/systemsmanager/parameters/get"
		query.Set("name", n.text)
		if n.secure {
			query.Set("withDecryption", "true")
		}
	}
	if refresh {
		query.Set("refreshNow", "true")
	}
	return path + "?" + query.Encode()
}

// begin gives the name its first value, or none.
func (n *name) begin(aws *awstest.Server, now func() moment) {
	n.states = []state{{to: forever}}
	if n.fate != missing {
		n.change(aws, create, now)
	}
}

// settle lets the name have had what it has for ever, since the run begins now.
func (n *name) settle() {
	for i := range n.states {
		n.states[i].from, n.states[i].to = -forever, -forever
	}
	n.states[len(n.states)-1].to = forever
}

// change does something to the name at AWS. It is for one goroutine.
func (n *name) change(aws *awstest.Server, what deed, now func() moment) {
	next := state{from: now(), to: forever}
	switch {
	case what == remove && n.service == awstest.SecretsManager:
		aws.Secrets.Remove(n.text)
	case what == remove:
		aws.Parameters.Remove(n.text)
	case n.service == awstest.SecretsManager:
		next.value = n.value(len(n.states))
		aws.Secrets.PutString(n.text, next.value)
		next.versionID = aws.Secrets.VersionID(n.text, "AWSCURRENT")
	default:
		next.value = n.value(len(n.states))
		put := aws.Parameters.PutString
		if n.secure {
			put = aws.Parameters.PutSecure
		}
		next.versionID = strconv.FormatInt(put(n.text, next.value), 10)
	}
	n.states[len(n.states)-1].to = now()
	n.states = append(n.states, next)
}

// value is that of a state. It is unlike any other, of this name or another, and of a length that varies.
func (n *name) value(number int) string {
	return fmt.Sprintf("%s %s %d %s", canary, n.text, number, strings.Repeat("x", 37*number%2000))
}

// numberOf returns which of the states a value is of; 0, which has none, for any other text.
func (n *name) numberOf(value string) int {
	fields := strings.Fields(value)
	if len(fields) < 3 {
		return 0
	}
	number, err := strconv.Atoi(fields[2])
	if err != nil || number < 0 || n.value(number) != value {
		return 0
	}
	return number
}

// within says whether some time of the state is between two moments.
func (s state) within(from, to moment) bool { return s.from <= to && s.to >= from }
