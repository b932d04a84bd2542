// This file decides what has to be said before something is published.

package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// settings are read from variables.
type settings struct {
	regions []string // REGIONS: where to publish, apart by spaces or commas
	name    string   // NAME: of the zips and the layers, NAME-x86_64 and NAME-arm64; empty: larder
	version string   // VERSION: of the executable, as the build knows it
	tag     string   // TAG: of the release, told beside the version; may be empty
	publish bool     // PUBLISH=yes
	public  bool     // PUBLIC=1, and CONFIRM=public with PUBLISH=yes: every AWS account may use the layers
}

var regionName = regexp.MustCompile(`^[a-z]{2,8}(-[a-z]+)+-[0-9]+$`)

// readSettings returns what the variables say, and refuses words that it does not know: a misspelt one must not mean
// what is the default.
func readSettings(getenv func(string) string) (settings, error) {
	s := settings{name: getenv("NAME"), version: getenv("VERSION"), tag: getenv("TAG")}
	if s.name == "" {
		s.name = "larder"
	}
	for _, region := range strings.FieldsFunc(getenv("REGIONS"), func(r rune) bool { return r == ' ' || r == ',' || r == '\n' }) {
		if !regionName.MatchString(region) {
			return settings{}, fmt.Errorf("REGIONS: %q is no region's name", region)
		}
		if !slices.Contains(s.regions, region) {
			s.regions = append(s.regions, region)
		}
	}
	if len(s.regions) == 0 {
		return settings{}, errors.New(`REGIONS: want those to publish in, as in REGIONS="eu-central-1 us-east-1"`)
	}
	if s.version == "" {
		return settings{}, errors.New("VERSION: want the version of the executable, as in build/version")
	}
	var err error
	if s.publish, err = word(getenv, "PUBLISH", "yes"); err != nil {
		return settings{}, err
	}
	if s.public, err = word(getenv, "PUBLIC", "1"); err != nil {
		return settings{}, err
	}
	confirmed, err := word(getenv, "CONFIRM", "public")
	if err != nil {
		return settings{}, err
	}
	if s.publish && s.public && !confirmed {
		return settings{}, errors.New("PUBLIC=1 lets every AWS account use the layers, and that cannot be taken back from those " +
			"that use them: say CONFIRM=public, too")
	}
	if s.publish && s.public && (s.version == "devel" || strings.HasSuffix(s.version, "-dirty")) {
		return settings{}, fmt.Errorf("version %s is no commit's: nobody else could build what would be public", s.version)
	}
	return s, nil
}

// word tells whether the variable has the one value that switches it on.
func word(getenv func(string) string, name, on string) (bool, error) {
	value := getenv(name)
	if value != "" && value != on {
		return false, fmt.Errorf("%s=%s: want %s=%s or nothing", name, value, name, on)
	}
	return value == on, nil
}

// description is what Lambda shows of a version: which release and commit it is, and the digest that anybody's build of
// that commit has. Lambda takes 256 characters.
func (s settings) description(l layer) string {
	release := "Larder"
	if s.tag != "" {
		release += " " + s.tag
	}
	return fmt.Sprintf("%s, version %s, sha256 %s", release, s.version, l.digest())
}
