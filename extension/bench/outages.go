// This file measures what a function sees while AWS is in trouble: a value that was read once, past its TTL.

package main

import (
	"context"
	"fmt"
	"time"

	"larder/extension/internal/awstest"
)

// measureOutages reads one value, fifty times a second, while AWS does not answer, fails, or throttles.
func (b *bench) measureOutages(ctx context.Context) error {
	for _, outage := range []struct {
		name  string
		fault awstest.Fault
	}{
		{"AWS hangs", awstest.Hang()}, {"AWS answers 503", awstest.Unavailable()}, {"AWS throttles", awstest.Throttled()},
	} {
		if err := b.measureOutage(ctx, "outage, "+outage.name+": ", outage.fault); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) measureOutage(ctx context.Context, section string, fault awstest.Fault) error {
	s, err := b.start(ctx, larder, "SECRETS_MANAGER_TTL=1")
	if err != nil {
		return err
	}
	defer s.end()
	c, err := dialWhenOpen(ctx, s.port)
	if err != nil {
		return s.broken(err)
	}
	defer c.close()
	if err := b.readHit(c); err != nil {
		return s.broken(err)
	}
	time.Sleep(1100 * time.Millisecond) // the value is past its TTL
	defer b.aws.Faults.Clear()
	b.aws.Faults.All(fault)
	calls := b.aws.Counts.Of("")

	const pause = 20 * time.Millisecond
	took := make([]float64, int(b.effort.outage/pause))
	answered := 0
	begun := time.Now()
	for i := range took {
		time.Sleep(time.Until(begun.Add(time.Duration(i) * pause)))
		asked := time.Now()
		if err := b.readHit(c); err == nil {
			answered++
		}
		took[i] = inMicros(time.Since(asked)) / 1000
	}
	b.figures.add(section+"answered", "%", median, larder, 100*float64(answered)/float64(len(took)))
	b.figures.add(section+"p50", "ms", median, larder, percentile(took, 50))
	b.figures.add(section+"slowest read", "ms", median, larder, percentile(took, 100))
	b.figures.add(section+"calls to AWS a second", "1/s", median, larder,
		float64(b.aws.Counts.Of("")-calls)/time.Since(begun).Seconds())
	return nil
}

// measureCrowds reads a hundred parameters at once that nobody has read before, with AWS at 20 ms.
func (b *bench) measureCrowds(ctx context.Context) error {
	for round, crowd := range []struct {
		name    string
		rate    int // calls a second that AWS lets through; 0 for all
		setting string
	}{
		{name: "100 names at once"},
		{name: "100 names at once, batched", setting: "LARDER_BATCH=on"},
		{name: "100 names at once, AWS lets 40 a second through", rate: 40},
	} {
		if err := b.measureCrowd(ctx, fmt.Sprint(round), "crowd, "+crowd.name+": ", crowd.rate, crowd.setting); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) measureCrowd(ctx context.Context, prefix, section string, rate int, setting string) error {
	const readers, latency = 100, 20 * time.Millisecond
	s, err := b.start(ctx, larder, setting)
	if err != nil {
		return err
	}
	defer s.end()
	requests := make([][]byte, readers)
	clients := make([]*client, readers)
	for i := range clients {
		name := fmt.Sprintf("/bench/crowd/%s/%02d", prefix, i)
		b.aws.Parameters.PutString(name, valueOf(name, 64))
		requests[i] = b.parameterRequest(name)
		if clients[i], err = dialWhenOpen(ctx, s.port); err != nil {
			return s.broken(err)
		}
		defer clients[i].close()
	}
	b.aws.Faults.SetLatency("", latency)
	defer b.aws.Faults.SetLatency("", 0)
	b.aws.Faults.SetRate("", rate)
	defer b.aws.Faults.SetRate("", 0)
	calls := b.aws.Counts.Of("")

	type result struct {
		took   time.Duration
		failed bool
	}
	results := make(chan result, readers)
	begun := time.Now()
	for i, c := range clients {
		go func() {
			_, _, err := c.get(requests[i])
			results <- result{time.Since(begun), err != nil}
		}()
	}
	failed, slowest := 0, time.Duration(0)
	for range clients {
		r := <-results
		slowest = max(slowest, r.took)
		if r.failed {
			failed++
		}
	}
	b.figures.add(section+"failed", "", median, larder, float64(failed))
	b.figures.add(section+"calls to AWS", "", median, larder, float64(b.aws.Counts.Of("")-calls))
	b.figures.add(section+"slowest read", "ms", median, larder, inMicros(slowest)/1000)
	return nil
}

// parameterRequest is what a function sends to read a parameter.
func (b *bench) parameterRequest(name string) []byte {
	return fmt.Appendf(nil, "GET /systemsmanager/parameters/get?name=%s HTTP/1.1\r\nHost: localhost\r\n"+
		"X-Aws-Parameters-Secrets-Token: %s\r\n\r\n", name, b.aws.Credentials.Keys().SessionToken)
}
