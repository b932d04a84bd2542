// Package docs_test checks what the repository's documents say of the repository: links, headings, and the names of
// tests, targets and variables.
package docs_test

import (
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// root is that of the repository.
const root = ".."

// mustFind lists the repository's files, by their paths below root, without what was built or fetched.
func mustFind(t *testing.T, is func(path string) bool) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", "build", "target", "node_modules", ".venv", "__pycache__"}, entry.Name()) {
			return filepath.SkipDir
		}
		if !entry.IsDir() && is(path) {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func mustFindDocuments(t *testing.T) []string {
	t.Helper()
	documents := mustFind(t, func(path string) bool { return strings.HasSuffix(path, ".md") })
	if len(documents) < 8 {
		t.Fatalf("only %d documents were found: %q", len(documents), documents)
	}
	return documents
}

var fence = regexp.MustCompile("^ *(`{3,}|~{3,})")

// prose is a document without its blocks of code, whose lines stay as empty ones.
func prose(text string) string {
	var kept []string
	open := ""
	for line := range strings.SplitSeq(text, "\n") {
		mark := fence.FindStringSubmatch(line)
		switch {
		case open != "":
			if mark != nil && strings.HasPrefix(mark[1], open) && strings.TrimSpace(line) == mark[1] {
				open = ""
			}
			line = ""
		case mark != nil:
			open, line = mark[1], ""
		}
		kept = append(kept, line)
	}
	return strings.Join(kept, "\n")
}

var (
	inlineCode = regexp.MustCompile("``[^\n]*?``|`[^`\n]*`")
	inlineLink = regexp.MustCompile(`\]\(<?([^()<>\s]*(?:\([^()\s]*\)[^()<>\s]*)*)>?(?:\s+"[^"]*")?\)`)
	reference  = regexp.MustCompile(`(?m)^ {0,3}\[[^\]^]+\]:\s*<?(\S+?)>?\s*$`)
	heading    = regexp.MustCompile(`(?m)^ {0,3}#{1,6}\s+(.*?)\s*#*$`)
	ownAnchor  = regexp.MustCompile(`<a\s+(?:id|name)="([^"]+)"`)
	markup     = regexp.MustCompile(`!?\[([^\]]*)\]\([^)]*\)`)
)

// links are the targets of a document's links, as they are written.
func links(text string) []string {
	text = inlineCode.ReplaceAllString(prose(text), "")
	var targets []string
	for _, form := range []*regexp.Regexp{inlineLink, reference} {
		for _, match := range form.FindAllStringSubmatch(text, -1) {
			targets = append(targets, match[1])
		}
	}
	return targets
}

// anchors are the fragments by which GitHub finds a document's headings: letters, digits, hyphens and underscores of
// the heading in lower case, spaces as hyphens, and a number behind what was there before.
func anchors(text string) map[string]bool {
	all := make(map[string]bool)
	text = prose(text)
	for _, match := range heading.FindAllStringSubmatch(text, -1) {
		shown := strings.NewReplacer("`", "", "*", "").Replace(markup.ReplaceAllString(match[1], "$1"))
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, shown)
		unique := slug
		for n := 1; all[unique]; n++ {
			unique = fmt.Sprint(slug, "-", n)
		}
		all[unique] = true
	}
	for _, match := range ownAnchor.FindAllStringSubmatch(text, -1) {
		all[match[1]] = true
	}
	return all
}

// checkLink returns what is wrong with a link from a document, or nothing.
func checkLink(document, target string) string {
	link, err := url.Parse(target)
	switch {
	case err != nil:
		return err.Error()
	case link.Scheme == "https" && link.Host != "", link.Scheme == "mailto":
		return "" // nobody is asked whether it is there
	case link.Scheme != "" || link.Host != "":
		return "is no https address"
	case strings.HasPrefix(link.Path, "/"):
		return "is absolute"
	}
	path := document
	if link.Path != "" {
		path = filepath.Join(filepath.Dir(document), filepath.FromSlash(link.Path))
	}
	below, err := filepath.Rel(root, path)
	if err != nil || below == ".." || strings.HasPrefix(below, "../") {
		return "leads out of the repository"
	}
	if below == "build" || strings.HasPrefix(below, "build/") {
		return "leads to what is built"
	}
	if _, err := os.Stat(path); err != nil {
		return "is not there"
	}
	if link.Fragment == "" {
		return ""
	}
	content, err := os.ReadFile(path)
	if err != nil || !strings.HasSuffix(path, ".md") {
		return "has a fragment and is no document"
	}
	if !anchors(string(content))[link.Fragment] {
		return "leads to no heading"
	}
	return ""
}

// Every link leads somewhere.
func TestLinks(t *testing.T) {
	checked := 0
	for _, document := range mustFindDocuments(t) {
		for _, target := range links(mustRead(t, document)) {
			checked++
			if wrong := checkLink(document, target); wrong != "" {
				t.Errorf("%s: %s %s", document, target, wrong)
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d links were found", checked)
	}
}

// Each kind of link that is wrong is found to be.
func TestWrongLinks(t *testing.T) {
	document := filepath.Join(t.TempDir(), "page.md")
	t.Chdir(filepath.Dir(document))
	mustWrite := func(name, content string) {
		if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	mustWrite("page.md", "# One `two`, [three](x)\n\n## Same\n## Same\n```sh\n# not one\n```\n<a id=\"own\"></a>\n")
	mustWrite("code.go", "")
	for target, right := range map[string]bool{
		"page.md": true, "page.md#one-two-three": true, "#same": true, "#same-1": true, "#own": true, "code.go": true, ".": true,
		"https://example.com/a#b": true,
		"other.md":                false, "#same-2": false, "#not-one": false, "page.md#": true, "page.md#One": false, "code.go#L1": false,
		"/page.md": false, "../../page.md": false, "http://example.com": false, "https://": false, "ftp://example.com": false, "build/x": false,
	} {
		if wrong := checkLink("../"+filepath.Base(filepath.Dir(document))+"/page.md", target); (wrong == "") != right {
			t.Errorf("%s: %q", target, wrong)
		}
	}
	got := links("[a](b) ![c](d \"e\") `[f](g)` [h][i]\n\n[i]: j\n\n````\n```\n[k](l)\n````\n[m](n_(o))\n")
	if want := []string{"b", "d", "n_(o)", "j"}; !slices.Equal(got, want) {
		t.Errorf("links are %q, want %q", got, want)
	}
}
