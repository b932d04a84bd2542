package main

import "testing"

// Access lines are found among the extension's other lines, and lines that are no JSON at all.
func TestParseReads(t *testing.T) {
	reads := parseReads([]string{
		`{"timestamp":"2030-01-01T00:00:00Z","level":"WARN","message":"SECRETS_MANAGER_TTL …","type":"larder"}`,
		`{"type":"larder.access","source":"secretsmanager","name":"a","outcome":"hit","duration_ms":0.006,"status":200}`,
		`panic: not JSON`,
		`{"type":"larder.access","source":"ssm","name":"/b","outcome":"denied","status":400,"error":"AccessDeniedException"}`,
	})
	if len(reads) != 2 {
		t.Fatalf("reads = %+v, want 2", reads)
	}
	if r := reads[0]; r.kind() != "secret" || r.outcome() != "cached" || r.Duration != 0.006 || r.Status != 200 {
		t.Errorf("the hit: %+v", r)
	}
	if r := reads[1]; r.kind() != "parameter" || r.outcome() != "denied" || r.Error != "AccessDeniedException" {
		t.Errorf("the refusal: %+v", r)
	}
}

// A read gave the expected value only with status 200 and the version that AWS holds now.
func TestGave(t *testing.T) {
	d := demo{secretVersion: "v2", parameterVersion: "1"}
	for _, c := range []struct {
		read read
		want bool
	}{
		{read{Name: secretName, Status: 200, VersionID: "v2"}, true},
		{read{Name: secretName, Status: 200, VersionID: "v1"}, false},
		{read{Name: secretName, Status: 503, VersionID: "v2"}, false},
		{read{Name: parameterName, Status: 200, VersionID: "1"}, true},
		{read{Name: parameterName, Status: 200, VersionID: "v2"}, false},
	} {
		if got := d.gave(c.read); got != c.want {
			t.Errorf("gave(%+v) = %v", c.read, got)
		}
	}
}
