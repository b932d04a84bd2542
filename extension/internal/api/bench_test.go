package api_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"larder/extension/internal/access"
	"larder/extension/internal/api"
	"larder/extension/internal/cache"
	"larder/extension/internal/source"
)

type oneSecret struct{ value source.Value }

func (s oneSecret) Read(context.Context, source.Query) (source.Value, error) { return s.value, nil }

func (s oneSecret) Probe(context.Context, source.Query) (source.Value, error) { return s.value, nil }

// BenchmarkRead is a cached read through the whole server, with its record, on one connection that is kept alive.
// The client writes the same bytes again and again and reads into one buffer, so that what is allocated is the
// server's.
func BenchmarkRead(b *testing.B) {
	const name = "prod/db-credentials"
	body := []byte(`{"Name":"` + name + `","SecretString":"` + string(bytes.Repeat([]byte("x"), 1000)) + `"}`)
	stored := cache.New(
		cache.Config{MaxItems: 1000, MaxBytes: 16 << 20, SecretTTL: time.Hour},
		oneSecret{source.Value{Body: body, ARN: "arn:" + name, VersionID: "EXAMPLE1-90ab-cdef-fedc-ba987EXAMPLE"}},
	)
	lines := access.NewLog(io.Discard)
	records := access.NewRecorder(access.Config{Function: "function", Version: "$LATEST", Sinks: []access.Sink{lines}})
	records.Begin("8476a536-e9f4-11e8-9739-2dfe598c3fcd", "Root=1-5759e988-bd862e3fe1be46a994272793")
	go lines.Run(b.Context())
	address := mustListenAndServe(b, api.New(defaults(), stored, records))

	conn := (&service{address: address}).mustDial(b)
	if err := conn.SetDeadline(time.Time{}); err != nil {
		b.Fatal(err)
	}
	asking := []byte(request("GET", secretPath+"?secretId="+name))
	answer := make([]byte, 16<<10)
	read := func() int {
		if _, err := conn.Write(asking); err != nil {
			b.Fatal(err)
		}
		for filled := 0; ; {
			n, err := conn.Read(answer[filled:])
			if err != nil {
				b.Fatal(err)
			}
			filled += n
			if head := bytes.Index(answer[:filled], []byte("\r\n\r\n")); head >= 0 && filled == head+4+len(body) {
				return filled
			}
		}
	}
	read() // the miss
	if got := answer[:read()]; !bytes.HasPrefix(got, []byte("HTTP/1.1 200")) || !bytes.Contains(got, []byte("larder; hit")) {
		b.Fatalf("got %.200s", got)
	}
	b.ReportAllocs()
	for b.Loop() {
		read()
	}
}
