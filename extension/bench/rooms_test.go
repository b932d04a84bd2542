package main

import (
	"slices"
	"testing"
)

// The lines of benchmarks are found among all that go test prints, with the room they are of.
func TestParseBenchmarks(t *testing.T) {
	got, err := parseBenchmarks(`?   	larder/extension/internal/awstest	[no test files]
goos: linux
pkg: larder/extension/internal/cache
cpu: Some Processor @ 2.00GHz
BenchmarkHit/items=1000-2   	 5123456	       233.1 ns/op	       0 B/op	       0 allocs/op
BenchmarkFill-2             	    1000	     12345 ns/op	 45.10 MB/s	    2048 B/op	      17 allocs/op
PASS
ok  	larder/extension/internal/cache	2.341s
pkg: larder/extension/internal/api
BenchmarkRead-to-end            	    1000	      1500 ns/op	      16 B/op	       1 allocs/op
PASS
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []benchmark{
		{"cache", "Hit/items=1000", 233.1, 0, 0},
		{"cache", "Fill", 12345, 2048, 17},
		{"api", "Read-to-end", 1500, 16, 1},
	}
	if !slices.Equal(got, want) {
		t.Errorf("benchmarks = %+v\nwant %+v", got, want)
	}
}
