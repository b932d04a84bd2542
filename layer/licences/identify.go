package main

import (
	"slices"
	"strings"
)

const unknown = "unknown"

// marks are sentences by which a licence is known, with white space and case put aside. A text may hold several
// licences.
var marks = []struct {
	licence string
	all     []string
}{
	{"AGPL", []string{"gnu affero general public license"}},
	{"LGPL", []string{"gnu lesser general public license"}},
	{"LGPL", []string{"gnu library general public license"}},
	{"GPL", []string{"gnu general public license"}},
	{"EPL", []string{"eclipse public license"}},
	{"CDDL", []string{"common development and distribution license"}},
	{"EUPL", []string{"european union public licence"}},
	{"SSPL", []string{"server side public license"}},
	{"BUSL", []string{"business source license"}},
	{"CC-BY-SA", []string{"sharealike"}},
	{"MPL-2.0", []string{"mozilla public license", "version 2.0", "covered software"}},
	{"Apache-2.0", []string{"apache license version 2.0, january 2004", "grant of copyright license"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "redistributions in binary form must reproduce", "neither the name of"}},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms", "redistributions in binary form must reproduce"}},
	{"MIT", []string{"permission is hereby granted, free of charge", "the above copyright notice and this permission notice shall be included"}},
	{"ISC", []string{"permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted"}},
}

// mentioned are licences that another licence names without being under it: the Mozilla Public License lists the GNU
// licences as those with which it may be combined.
var mentioned = map[string][]string{
	"MPL-2.0":      {"GPL", "LGPL", "AGPL"},
	"BSD-3-Clause": {"BSD-2-Clause"}, // which is its beginning
}

// identify returns the SPDX identifiers of the licences in a text, joined by AND, or unknown. What is not known is
// never guessed at: a person has to read it.
func identify(text string) string {
	plain := strings.ToLower(strings.Join(strings.Fields(text), " "))
	var found []string
	for _, mark := range marks {
		holds := true
		for _, sentence := range mark.all {
			holds = holds && strings.Contains(plain, sentence)
		}
		if holds && !slices.Contains(found, mark.licence) {
			found = append(found, mark.licence)
		}
	}
	for licence, others := range mentioned {
		if slices.Contains(found, licence) {
			found = slices.DeleteFunc(found, func(other string) bool { return slices.Contains(others, other) })
		}
	}
	if len(found) == 0 {
		return unknown
	}
	slices.Sort(found)
	return strings.Join(found, " AND ")
}
