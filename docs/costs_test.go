package docs_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// rows are the lines of a document's tables that begin with a number, cell by cell.
func rows(text string, columns int) [][]string {
	var all [][]string
	for _, line := range regexp.MustCompile(`(?m)^\| [0-9].*\|$`).FindAllString(text, -1) {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) == columns {
			all = append(all, cells)
		}
	}
	return all
}

func mustNumbers(t *testing.T, cells []string) []float64 {
	t.Helper()
	numbers := make([]float64, len(cells))
	for i, cell := range cells {
		var err error
		if numbers[i], err = strconv.ParseFloat(cell, 64); err != nil {
			t.Fatal(err)
		}
	}
	return numbers
}

// The costs in docs/operations.md follow from the prices and from what is said to be counted.
func TestCosts(t *testing.T) {
	const (
		inputs   = 5
		perCall  = 0.05 / 10_000
		month    = 30 * 24 * 3600.0
		perByte  = 0.50 / 1e9
		perRead  = 419 // bytes of a line, of README.md's table
		shortest = 0.9 // of a TTL
	)
	if readme := mustRead(t, root+"/README.md"); !strings.Contains(readme, fmt.Sprintf("| all | %d MB |", perRead)) {
		t.Error("README.md says that a record has another length")
	}
	table := rows(mustRead(t, "operations.md"), 9)
	if len(table) != 3 {
		t.Fatalf("%d rows", len(table))
	}
	for _, cells := range table {
		given := mustNumbers(t, cells[:inputs])
		functions, values, invocations, environments, starts := given[0], given[1], given[2], given[3], given[4]
		reads := functions * values * invocations
		with := func(ttl float64) float64 {
			return functions * values * (environments*month/(shortest*ttl) + starts) * perCall
		}
		for i, want := range []float64{reads * perCall, with(300), with(3600), reads * perRead * perByte} {
			if got, want := cells[inputs+i], fmt.Sprintf("$%.2f", want); got != want {
				t.Errorf("%s: %s, want %s", strings.Join(cells, " | "), got, want)
			}
		}
	}
}

// So do the times that starts take at Parameter Store's quota.
func TestQuotas(t *testing.T) {
	const perSecond, parameters = 40.0, 5
	table := rows(mustRead(t, "operations.md"), 4)
	if len(table) != 3 {
		t.Fatalf("%d rows", len(table))
	}
	for _, cells := range table {
		given := mustNumbers(t, cells[:2])
		if given[1] != given[0]*parameters {
			t.Errorf("%v calls of %v environments", given[1], given[0])
		}
		for i, want := range []string{
			fmt.Sprintf("%.1f s", ceil(given[1]/perSecond)), fmt.Sprintf("%.0f calls, %.1f s", given[0], ceil(given[0]/perSecond)),
		} {
			if cells[2+i] != want {
				t.Errorf("%s: %s, want %s", strings.Join(cells, " | "), cells[2+i], want)
			}
		}
	}
}

// ceil rounds up to tenths: a time that is told is not too short.
func ceil(seconds float64) float64 {
	tenths := int(seconds * 10)
	if float64(tenths) < seconds*10 {
		tenths++
	}
	return float64(tenths) / 10
}
