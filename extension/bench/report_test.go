package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func someFigures() *figures {
	var f figures
	f.add("start: exec until registered", "ms", median, larder, 3.754)
	f.add("start: CPU until then", "ms", median, larder, 3)
	f.add("start: CPU until then", "ms", median, bare, 2)
	f.add("load: reads a second", "1/s", highest, larder, 49062.4)
	f.benchmarks = []benchmark{{"api", "Read", 1500, 16, 1}}
	return &f
}

// Each figure has its row below its section, with a dash for what was not measured.
func TestTable(t *testing.T) {
	var table bytes.Buffer
	if err := someFigures().print(&table); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"start\n",
		"  exec until registered        ms        3.75         -       -\n",
		"  CPU until then               ms        3.00      2.00    1.50\n",
		"load\n",
		"  reads a second               1/s      49062         -       -\n",
	} {
		if strings.Count(table.String(), line) != 1 {
			t.Errorf("the table lacks the line %q:\n%s", line, table.String())
		}
	}
	if !strings.Contains(table.String(), "api: Read") {
		t.Errorf("the table lacks the benchmark:\n%s", table.String())
	}
}

// The file holds the same figures; what was not measured is left out and is not 0.
func TestWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "figures.json")
	if err := someFigures().write(path); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Figures    []map[string]any
		Benchmarks []benchmark
	}
	if err := json.Unmarshal(content, &document); err != nil {
		t.Fatal(err)
	}
	if len(document.Figures) != 3 || len(document.Benchmarks) != 1 {
		t.Fatalf("the file holds %s", content)
	}
	for field, want := range map[string]any{"figure": "CPU until then", "larder": 3.0, "bareGo": 2.0, "ratio": 1.5} {
		if got := document.Figures[1][field]; got != want {
			t.Errorf("%s = %v, want %v", field, got, want)
		}
	}
	if _, has := document.Figures[0]["bareGo"]; has {
		t.Errorf("row = %v, and the bare server was not measured", document.Figures[0])
	}
}
