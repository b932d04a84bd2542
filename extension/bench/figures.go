// This file holds the figures: what was measured of whom, and which of several values counts.

package main

import (
	"math"
	"slices"
	"strings"
)

// player is who is measured.
type player int

const (
	larder player = iota
	bare
	players
)

// pick says which of a figure's values counts.
type pick int

const (
	median  pick = iota
	lowest       // where noise on the machine can only make it worse
	highest      // the same, where more is better
)

// figure is one row of the table.
type figure struct {
	section string
	name    string
	unit    string
	pick    pick
	values  [players][]float64
}

// value is the one that counts; not known if the player was not measured.
func (f *figure) value(p player) (v float64, known bool) {
	values := f.values[p]
	if len(values) == 0 {
		return 0, false
	}
	switch f.pick {
	case lowest:
		return slices.Min(values), true
	case highest:
		return slices.Max(values), true
	}
	return percentile(values, 50), true
}

// ratio is Larder's value to the bare server's.
func (f *figure) ratio() (r float64, known bool) {
	a, has := f.value(larder)
	b, hasToo := f.value(bare)
	if !has || !hasToo || b == 0 {
		return 0, false
	}
	return a / b, true
}

// figures are all rows, in the order in which they came up, and what the rooms' benchmarks say.
type figures struct {
	rows       []*figure
	benchmarks []benchmark
}

// add notes a value. A name is written "section: name".
func (f *figures) add(name, unit string, how pick, p player, value float64) {
	section, short, _ := strings.Cut(name, ": ")
	i := slices.IndexFunc(f.rows, func(row *figure) bool { return row.section == section && row.name == short })
	if i < 0 {
		i = len(f.rows)
		f.rows = append(f.rows, &figure{section: section, name: short, unit: unit, pick: how})
	}
	f.rows[i].values[p] = append(f.rows[i].values[p], value)
}

// percentile returns the value that p percent of the values do not exceed: the nearest rank, which is a value that
// was measured. There must be values.
func percentile(values []float64, p float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p * float64(len(sorted)) / 100))
	return sorted[max(rank, 1)-1]
}
