package access_test

import (
	"strings"
	"testing"

	"larder/extension/internal/access"
)

const (
	xrayID = "1-5759e988-bd862e3fe1be46a994272793"
	w3cID  = "5759e988bd862e3fe1be46a994272793"
	zeros  = "00000000000000000000000000000000"
	parent = "00f067aa0ba902b7"
)

// X-Ray's header and W3C's lead to one id, and what is not of their form to none.
func TestTraceIDs(t *testing.T) {
	for header, want := range map[string]string{
		"Root=" + xrayID: xrayID,
		"Root=" + xrayID + ";Parent=53995c3f42cd8ad8;Sampled=1":       xrayID,
		"Self=1-67891234-12456789abcdef012345678; Root=" + xrayID:     xrayID,
		"Parent=a;Root=" + xrayID + ";Sampled=0;Lineage=1:a87bd80c:0": xrayID,
		"Root=" + strings.ToUpper(xrayID):                             "",
		"Root=2-5759e988-bd862e3fe1be46a994272793":                    "",
		"Root=1-5759e98-bd862e3fe1be46a994272793":                     "",
		"Root=1-5759e988-bd862e3fe1be46a99427279":                     "",
		"Root=1-5759e988-bd862e3fe1be46a994272793-1":                  "",
		"Root=": "", "": "", xrayID: "", "Parent=" + xrayID: "",
	} {
		if got := access.TraceID(header); got != want {
			t.Errorf("%q: got %q, want %q", header, got, want)
		}
	}
	for header, want := range map[string]string{
		"00-" + w3cID + "-" + parent + "-01":                  xrayID,
		"00-" + w3cID + "-" + parent + "-00":                  xrayID,
		"01-" + w3cID + "-" + parent + "-01-more":             xrayID, // of a version to come
		"ff-" + w3cID + "-" + parent + "-01":                  "",
		"00-" + zeros + "-" + parent + "-01":                  "",
		"00-" + strings.ToUpper(w3cID) + "-" + parent + "-01": "",
		"00-" + w3cID[1:] + "-" + parent + "-01":              "",
		"00-" + w3cID + "-" + parent[1:] + "-01":              "",
		"00-" + w3cID + "-" + parent + "-1":                   "",
		"0x-" + w3cID + "-" + parent + "-01":                  "",
		"00-" + w3cID + "-" + parent:                          "",
		"":                                                    "", "-": "", "---": "", w3cID: "",
	} {
		if got := access.TraceIDOfParent(header); got != want {
			t.Errorf("%q: got %q, want %q", header, got, want)
		}
	}
}

// Whatever a client sends, the id is of X-Ray's form, or there is none.
func FuzzTraceID(f *testing.F) {
	f.Add("Root=" + xrayID + ";Sampled=1")
	f.Add("00-" + w3cID + "-" + parent + "-01")
	f.Fuzz(func(t *testing.T, header string) {
		for _, id := range []string{access.TraceID(header), access.TraceIDOfParent(header)} {
			if id == "" {
				continue
			}
			if len(id) != len(xrayID) || strings.Trim(id, "0123456789abcdef-") != "" || id[:2] != "1-" || id[10] != '-' {
				t.Errorf("%q: got %q", header, id)
			}
		}
	})
}
