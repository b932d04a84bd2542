package main

import (
	"fmt"
	"slices"
	"strings"
)

// permitted are the licences that ask for no more than that their text and notices are handed on. None of them reaches
// beyond its own code.
var permitted = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT"}

// excepted are modules under another licence, and why that is no harm. The Mozilla Public License is copyleft for its
// own files alone: who gives away an executable with them has to say where their source is, which is the list's line
// of the module, and would have to publish changes to them, of which there are none.
var excepted = map[string]string{
	"github.com/hashicorp/golang-lru/v2": "MPL-2.0",
}

// check says whether a module may be linked.
func (m module) check() error {
	if m.replaced {
		return fmt.Errorf("%s is replaced: the licence of what stands in its place is not known", m.path)
	}
	licences := m.licences()
	if len(licences) == 0 {
		return fmt.Errorf("%s has no licence", m.path)
	}
	for _, t := range m.texts {
		if t.licence == unknown {
			return fmt.Errorf("%s: the licence in %s is not known", m.path, t.name)
		}
	}
	for _, licence := range licences {
		if !slices.Contains(permitted, licence) && excepted[m.path] != licence {
			return fmt.Errorf("%s is under %s, which is not permitted", m.path, licence)
		}
	}
	return nil
}

// licences are the identifiers of a module's licences, each once.
func (m module) licences() []string {
	var all []string
	for _, t := range m.texts {
		for licence := range strings.SplitSeq(t.licence, " AND ") {
			if licence != "" && !slices.Contains(all, licence) {
				all = append(all, licence)
			}
		}
	}
	slices.Sort(all)
	return all
}
