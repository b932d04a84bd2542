package main

import (
	"slices"
	"strings"
	"testing"
)

// Nothing is published unless it is said, nothing becomes public unless it is said twice, and a word that is not known
// is refused and not taken for no.
func TestSettings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		variables       string
		want            string // in the error; empty: none
		publish, public bool
	}{
		{"", "", false, false},
		{"PUBLISH=yes", "", true, false},
		{"PUBLISH=1", "PUBLISH=1: want PUBLISH=yes", false, false},
		{"PUBLISH=no", "PUBLISH=no", false, false},
		{"PUBLIC=1", "", false, true},
		{"PUBLIC=yes", "PUBLIC=yes: want PUBLIC=1", false, false},
		{"PUBLISH=yes PUBLIC=1", "CONFIRM=public", false, false},
		{"PUBLISH=yes PUBLIC=1 CONFIRM=yes", "CONFIRM=yes: want CONFIRM=public", false, false},
		{"PUBLISH=yes PUBLIC=1 CONFIRM=public", "", true, true},
		{"PUBLISH=yes CONFIRM=public", "", true, false},
		{"PUBLISH=yes PUBLIC=1 CONFIRM=public VERSION=0123456789ab-dirty", "no commit's", false, false},
		{"PUBLISH=yes PUBLIC=1 CONFIRM=public VERSION=devel", "no commit's", false, false},
		{"PUBLISH=yes VERSION=0123456789ab-dirty", "", true, false},
		{"VERSION=", "VERSION: want", false, false},
		{"REGIONS=", "REGIONS: want", false, false},
		{"REGIONS=,", "REGIONS: want", false, false},
		{"REGIONS=frankfurt", `"frankfurt" is no region's name`, false, false},
		{"REGIONS=eu-central-1;us-east-1", "is no region's name", false, false},
	} {
		s, err := readSettings(variables("REGIONS=eu-central-1 VERSION=0123456789ab " + c.variables))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%q: %v", c.variables, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%q: error %v, want %q in it", c.variables, err, c.want)
		case s.publish != c.publish || s.public != c.public:
			t.Errorf("%q: publish %v, public %v, want %v, %v", c.variables, s.publish, s.public, c.publish, c.public)
		}
	}
}

// Regions come apart by spaces and commas, and each counts once.
func TestRegions(t *testing.T) {
	t.Parallel()
	s, err := readSettings(func(name string) string {
		return map[string]string{"REGIONS": " eu-central-1, us-gov-west-1\nus-east-1 eu-central-1", "VERSION": "0123456789ab"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"eu-central-1", "us-gov-west-1", "us-east-1"}; !slices.Equal(s.regions, want) {
		t.Errorf("regions = %v, want %v", s.regions, want)
	}
	if s.name != "larder" {
		t.Errorf("name = %q, want larder where none is said", s.name)
	}
}

// variables returns a getenv for NAME=value, apart by spaces; of one that stands there twice the last counts.
func variables(text string) func(string) string {
	return func(name string) string {
		value := ""
		for pair := range strings.FieldsSeq(text) {
			if key, v, _ := strings.Cut(pair, "="); key == name {
				value = v
			}
		}
		return value
	}
}
