package main

import (
	"math"
	"slices"
	"testing"
)

// The nearest rank, which is a value that was measured, whatever the order they came in.
func TestPercentile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, c := range []struct {
		values []float64
		p      float64
		want   float64
	}{
		{[]float64{7}, 50, 7},
		{[]float64{7}, 99, 7},
		{[]float64{3, 1, 2}, 50, 2},
		{[]float64{4, 3, 2, 1}, 50, 2},
		{[]float64{4, 3, 2, 1}, 0, 1},
		{hundred, 50, 50},
		{hundred, 99, 99},
		{hundred, 99.5, 100},
		{hundred, 100, 100},
	} {
		before := slices.Clone(c.values)
		if got := percentile(c.values, c.p); got != c.want {
			t.Errorf("percentile %v of %d values = %v, want %v", c.p, len(c.values), got, c.want)
		}
		if !slices.Equal(before, c.values) {
			t.Error("the values were put into another order")
		}
	}
}

// Which of the values counts is the figure's own; the ratio is made of those that count, and of nothing else.
func TestFigures(t *testing.T) {
	var f figures
	for _, value := range []float64{30, 10, 20} {
		f.add("reads: median", "µs", median, larder, value)
		f.add("reads: lowest", "µs", lowest, larder, value)
		f.add("reads: highest", "1/s", highest, larder, value)
		f.add("reads: lowest", "µs", lowest, bare, value/2)
	}
	if len(f.rows) != 3 {
		t.Fatalf("rows = %d, want 3", len(f.rows))
	}
	for i, want := range []float64{20, 10, 30} {
		if got, known := f.rows[i].value(larder); got != want || !known {
			t.Errorf("%s = %v, want %v", f.rows[i].name, got, want)
		}
	}
	if ratio, known := f.rows[1].ratio(); !known || math.Abs(ratio-2) > 1e-9 {
		t.Errorf("ratio = %v, want 2", ratio)
	}
	if _, known := f.rows[0].ratio(); known {
		t.Error("there is a ratio to a server that was not measured")
	}
}
