package main_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A secret that leaks seldom does so as it is: a body is escaped as JSON, a name as a URL, bytes are printed as numbers.
// These are the forms in which a stretch of one is looked for. Escapes are undone in the text, whatever of it they
// stand for; base64 and hexadecimal digits are looked for as such, at each place where they may begin.
const (
	stretch   = 8                // bytes of a secret that may stand nowhere: the beginning of a token is enough to tell
	inBase64  = 9                // bytes that make whole base64 digits, at one of three places
	digits64  = inBase64 / 3 * 4 // their digits
	digitsHex = stretch * 2
)

// hunt knows secrets by all their stretches.
type hunt struct {
	plain, base64, hex map[string]bool
}

func newHunt(secrets []string) hunt {
	h := hunt{make(map[string]bool), make(map[string]bool), make(map[string]bool)}
	for _, secret := range secrets {
		lower := strings.ToLower(secret)
		for i := 0; i+stretch <= len(lower); i++ {
			h.plain[lower[i:i+stretch]] = true
		}
		for i := 0; i+inBase64 <= len(secret); i++ {
			h.base64[base64.StdEncoding.EncodeToString([]byte(secret[i:i+inBase64]))] = true
		}
		for i := 0; i+stretch <= len(secret); i++ {
			h.hex[hex.EncodeToString([]byte(secret[i:i+stretch]))] = true
		}
		md, s1, s256, s512 := md5.Sum([]byte(secret)), sha1.Sum([]byte(secret)), sha256.Sum256([]byte(secret)), sha512.Sum512([]byte(secret))
		for _, sum := range [][]byte{md[:], s1[:], s256[:], s512[:]} {
			h.base64[base64.StdEncoding.EncodeToString(sum[:inBase64])] = true
			h.hex[hex.EncodeToString(sum[:stretch])] = true
		}
	}
	return h
}

// find returns the first place of a text where a secret stands, with what is around it, and in which form.
func (h hunt) find(text string) (form, around string) {
	url := strings.NewReplacer("-", "+", "_", "/")
	for _, reading := range readings(text) {
		for form, search := range map[string]struct {
			text string
			of   map[string]bool
			size int
		}{
			"plain":  {strings.ToLower(reading), h.plain, stretch},
			"base64": {url.Replace(reading), h.base64, digits64},
			"hex":    {strings.ToLower(reading), h.hex, digitsHex},
		} {
			for i := 0; i+search.size <= len(search.text); i++ {
				if search.of[search.text[i:i+search.size]] {
					return form, search.text[max(0, i-80):min(len(search.text), i+80)]
				}
			}
		}
	}
	return "", ""
}

var (
	jsonEscape    = regexp.MustCompile(`\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)`)
	percentEscape = regexp.MustCompile(`%[0-9a-fA-F]{2}`)
	numbers       = regexp.MustCompile(`\b[0-9]{1,3}(?:[ ,]+[0-9]{1,3}\b){7,}`)
	separated     = regexp.MustCompile(`\b[0-9a-fA-F]{2}(?:[ :][0-9a-fA-F]{2}\b){7,}`)
)

// readings are a text and what it says once escapes are undone, in either order since one may stand in the other.
func readings(text string) []string {
	return []string{
		text,
		withoutJSON(text),
		withoutJSON(withoutJSON(text)), // JSON inside JSON
		withoutPercent(text),
		withoutPercent(withoutJSON(text)),
		numbers.ReplaceAllStringFunc(text, bytesOf),
		separated.ReplaceAllStringFunc(text, strings.NewReplacer(" ", "", ":", "").Replace),
	}
}

func withoutJSON(text string) string {
	return jsonEscape.ReplaceAllStringFunc(text, func(escape string) string {
		switch escape[1] {
		case 'u', 'x':
			if code, err := strconv.ParseUint(escape[2:], 16, 32); err == nil && len(escape) > 2 {
				return string(rune(code))
			}
		case 'n':
			return "\n"
		case 't':
			return "\t"
		case 'r':
			return "\r"
		}
		return escape[1:]
	})
}

func withoutPercent(text string) string {
	return percentEscape.ReplaceAllStringFunc(strings.ReplaceAll(text, "+", " "), func(escape string) string {
		code, _ := strconv.ParseUint(escape[1:], 16, 8) // it is two digits
		return string([]byte{byte(code)})
	})
}

// bytesOf reads a list of numbers as fmt prints bytes, or JSON an array of them.
func bytesOf(list string) string {
	var text []byte
	for _, number := range strings.FieldsFunc(list, func(r rune) bool { return r == ' ' || r == ',' }) {
		code, err := strconv.ParseUint(number, 10, 8)
		if err != nil {
			return list
		}
		text = append(text, byte(code))
	}
	return string(text)
}

// newSecret makes a secret of letters that stand nowhere else, the same ones on each run, with what has to be escaped
// between them if that may be.
func newSecret(seed uint64, escaped bool) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	random := rand.New(rand.NewPCG(seed, 0))
	word := func(length int) string {
		var text strings.Builder
		for range length {
			text.WriteByte(letters[random.IntN(len(letters))])
		}
		return text.String()
	}
	if !escaped {
		return canary + word(40)
	}
	return canary + word(20) + `"\<&>%/+ é` + "\n\t" + word(20)
}

// The search finds a secret in each form that it is meant for, from eight bytes on, and nothing in what holds none.
func TestSearchKnowsForms(t *testing.T) {
	t.Parallel()
	secret := newSecret(1, true)
	h := newHunt([]string{secret})
	sum := sha256.Sum256([]byte(secret))
	rows := map[string]string{
		"plain":             secret,
		"a stretch":         secret[10:18],
		"lower case":        strings.ToLower(secret),
		"JSON":              fmt.Sprintf("%q", secret),
		"JSON in JSON":      fmt.Sprintf("%q", fmt.Sprintf("%q", secret[15:40])),
		"all of it escaped": strings.Join(strings.Split(fmt.Sprintf("%U", []rune(secret[7:20])), " U+"), `\u`),
		"URL":               url.QueryEscape(secret[18:36]),
		"path":              url.PathEscape(secret[18:36]),
		"URL in JSON":       fmt.Sprintf("%q", url.QueryEscape(secret[18:36])),
		"hex":               fmt.Sprintf("%x", secret[5:20]),
		"upper hex":         fmt.Sprintf("%X", secret[5:20]),
		"hex of bytes":      fmt.Sprintf("% x", secret[5:20]),
		"Go's bytes":        fmt.Sprint([]byte(secret[5:20])),
		"JSON's bytes":      strings.ReplaceAll(fmt.Sprint([]byte(secret[5:20])), " ", ","),
		"base64, at 0":      base64.StdEncoding.EncodeToString([]byte(secret)),
		"base64, at 1":      base64.StdEncoding.EncodeToString([]byte("x" + secret)),
		"base64, at 2":      base64.RawURLEncoding.EncodeToString([]byte("xy" + secret)),
		"a hash":            hex.EncodeToString(sum[:]),
	}
	for name, text := range rows {
		if form, _ := h.find("before " + text + " after"); form == "" {
			t.Errorf("%s is not found: %s", name, text)
		}
	}
	if form, around := h.find(strings.Repeat(`{"timestamp":"2026-11-24T09:15:02.114Z","name":"prod/db-credentials"}`, 100)); form != "" {
		t.Errorf("%s is found in %s", form, around)
	}
}
