package docs_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	goTest     = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w*)\(`)
	pythonTest = regexp.MustCompile(`(?m)^ *def (test_\w+)\(`)
	namedTest  = regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*|test_\\w+)`")
	makeTarget = regexp.MustCompile(`(?m)^([a-z0-9-]+):.*## `)
	namedMake  = regexp.MustCompile("(?m)(?:`|^\\s*)make ([a-z0-9][a-z0-9-]*)")
	variable   = regexp.MustCompile(`\b(?:LARDER_[A-Z_]+[A-Z]|(?:PARAMETERS_SECRETS|SECRETS_MANAGER|SSM_PARAMETER)_[A-Z_]+[A-Z])\b`)
)

// tests are the names of all tests in the repository.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	for _, path := range mustFind(t, func(path string) bool {
		return strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/test_") && strings.HasSuffix(path, ".py")
	}) {
		form := goTest
		if strings.HasSuffix(path, ".py") {
			form = pythonTest
		}
		for _, match := range form.FindAllStringSubmatch(mustRead(t, path), -1) {
			names[match[1]] = true
		}
	}
	if len(names) < 400 {
		t.Fatalf("only %d tests were found", len(names))
	}
	return names
}

// A test that a document names is there.
func TestNamedTests(t *testing.T) {
	there := tests(t)
	for _, document := range mustFindDocuments(t) {
		for _, match := range namedTest.FindAllStringSubmatch(mustRead(t, document), -1) {
			if !there[match[1]] {
				t.Errorf("%s: there is no test %s", document, match[1])
			}
		}
	}
}

// Each threat of SECURITY.md names a test that shows what is done against it, or says that there is none.
func TestThreatsNameTests(t *testing.T) {
	threats := 0
	for line := range strings.Lines(mustRead(t, root+"/SECURITY.md")) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) < 2 || cells[0] != "" || strings.HasPrefix(cells[1], "---") || strings.TrimSpace(cells[1]) == "threat" {
			continue
		}
		threats++
		if len(cells) != 6 {
			t.Errorf("%d cells: %s", len(cells)-2, line)
			continue
		}
		if shown := strings.TrimSpace(cells[3]); !namedTest.MatchString(shown) && !strings.HasPrefix(shown, "none: ") {
			t.Errorf("no test is named for: %s", cells[1])
		}
	}
	if threats < 20 {
		t.Errorf("only %d threats were found", threats)
	}
}

// What documents call with make is a target.
func TestNamedTargets(t *testing.T) {
	var targets []string
	for _, match := range makeTarget.FindAllStringSubmatch(mustRead(t, root+"/Makefile"), -1) {
		targets = append(targets, match[1])
	}
	for _, document := range mustFindDocuments(t) {
		for _, match := range namedMake.FindAllStringSubmatch(mustRead(t, document), -1) {
			if !slices.Contains(targets, match[1]) {
				t.Errorf("%s: there is no target %s", document, match[1])
			}
		}
	}
}

// A variable that a document names is one that README.md lists.
func TestNamedVariables(t *testing.T) {
	listed := mustRead(t, root+"/README.md")
	for _, document := range mustFindDocuments(t) {
		for _, name := range variable.FindAllString(mustRead(t, document), -1) {
			if !strings.Contains(listed, "`"+name) {
				t.Errorf("%s: README.md does not list %s", document, name)
			}
		}
	}
}
