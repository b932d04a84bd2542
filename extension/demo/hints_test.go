package main

import (
	"errors"
	"strings"
	"testing"
)

// What is missing is told with what to do about it.
func TestHints(t *testing.T) {
	missing := (&demo{settings: settings{layer: "no such.zip"}, folder: t.TempDir()}).initialize(t.Context())
	checkHint(t, missing, "make demo")
	_, missing = startFunction(t.Context(), settings{python: "no-such-python"}, nil)
	checkHint(t, missing, "install Python")
	_, missing = startFunction(t.Context(), settings{python: "python3", function: t.TempDir()}, nil)
	checkHint(t, missing, "-function")
}

func checkHint(t *testing.T, err error, want string) {
	t.Helper()
	var h *hinted
	if !errors.As(err, &h) || !strings.Contains(h.hint, want) {
		t.Errorf("error = %v, want a hint with %q", err, want)
	}
}
