package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Warning says that a variable was given a value that cannot be used, and what is used instead.
type Warning struct {
	Variable string
	Value    string // as it was given, shortened
	Allowed  string // for a person, such as "1 to 65535"
	Default  string // what counts instead
}

func (w Warning) String() string {
	return fmt.Sprintf("%s is %q: allowed is %s; using %s", w.Variable, w.Value, w.Allowed, w.Default)
}

// parser reads single variables and gathers the warnings.
type parser struct {
	environment map[string]string
	warnings    []Warning
}

// first returns the first of the variables that is set and not empty.
func (p *parser) first(names ...string) string {
	for _, name := range names {
		if value := strings.TrimSpace(p.environment[name]); value != "" {
			return value
		}
	}
	return ""
}

func (p *parser) warn(name, value, allowed, standard string) {
	const longest = 100 // enough to recognise it; a value pasted into the wrong variable is not repeated whole
	if len(value) > longest {
		value = strings.ToValidUTF8(value[:longest], "") + "…"
	}
	p.warnings = append(p.warnings, Warning{Variable: name, Value: value, Allowed: allowed, Default: standard})
}

func (p *parser) integer(name string, standard, least, most int) int {
	value := p.first(name)
	if value == "" {
		return standard
	}
	number, err := strconv.Atoi(value)
	if err != nil || number < least || number > most {
		p.warn(name, value, fmt.Sprintf("a whole number from %d to %d", least, most), strconv.Itoa(standard))
		return standard
	}
	return number
}

func (p *parser) boolean(name string, standard bool) bool {
	return p.choice(name, standard, "true", "false")
}

func (p *parser) onOff(name string, standard bool) bool {
	return p.choice(name, standard, "on", "off")
}

// choice reads one of two words.
func (p *parser) choice(name string, standard bool, yes, no string) bool {
	used := no
	if standard {
		used = yes
	}
	return p.word(name, used, yes, no) == yes
}

// word reads one of several words, in any case.
func (p *parser) word(name, standard string, allowed ...string) string {
	value := p.first(name)
	if value == "" {
		return standard
	}
	for _, word := range allowed {
		if strings.EqualFold(value, word) {
			return word
		}
	}
	last := len(allowed) - 1
	p.warn(name, value, strings.Join(allowed[:last], ", ")+" or "+allowed[last], standard)
	return standard
}
