package source_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"larder/extension/internal/awstest"
	"larder/extension/internal/source"
)

// fill puts so many secrets and parameters into the stores, and returns the queries of one service.
func fill(aws *awstest.Server, service source.Service, n int) []source.Query {
	var queries []source.Query
	for i := range n {
		name := fmt.Sprintf("%s-%d", service, i)
		aws.Secrets.PutString(name, canary)
		aws.Parameters.PutString(name, canary)
		queries = append(queries, source.Query{Service: service, Name: name})
	}
	return queries
}

// operations are the single and the batch operation of a service, and what the role needs for the second.
func operations(service source.Service) (single, batch awstest.Operation, action string) {
	if service == source.SecretsManager {
		return awstest.GetSecretValue, awstest.BatchGetSecretValue, "secretsmanager:BatchGetSecretValue"
	}
	return awstest.GetParameter, awstest.GetParameters, "ssm:GetParameters"
}

// forBoth runs a test for each of the two services.
func forBoth(t *testing.T, test func(*testing.T, source.Service)) {
	t.Helper()
	for _, service := range []source.Service{source.SecretsManager, source.ParameterStore} {
		t.Run(service.String(), func(t *testing.T) {
			t.Parallel()
			test(t, service)
		})
	}
}

// What is missing in an answer for several is read by itself, to tell the error that a single read gets; the others
// of the call are not read again.
func TestMissingInABatch(t *testing.T) {
	forBoth(t, func(t *testing.T, service source.Service) {
		aws := mustStart(t)
		queries := fill(aws, service, 4)
		missing := source.Query{Service: service, Name: "missing"}
		queries = slices.Insert(queries, 1, missing)
		if service == source.SecretsManager {
			for i, name := range []string{"denied", "keyless", "deleted"} {
				aws.Secrets.PutString(name, canary)
				queries = slices.Insert(queries, 2*i, secret(name))
			}
			aws.Secrets.Deny("denied")
			aws.Secrets.DenyKey("keyless")
			aws.Secrets.MarkDeleted("deleted")
		} else {
			version := queries[0]
			version.Name, version.Selector = "a", "7"
			queries = append(queries, version)
		}
		var d denials
		s := mustConnect(t, aws, func(cfg *source.Config) { batching(cfg); cfg.BatchDenied = d.tell })
		answers := together(t, aws, s, queries...)
		single, batch, _ := operations(service)
		checkBatches(t, aws, batch, len(queries))
		failed := 0
		for _, got := range answers {
			again := 0
			if got.err != nil {
				failed++
				again = 1
			}
			if made := aws.Counts.OfName(single, got.query.Name); made != again {
				t.Errorf("%s was read %d times by itself, want %d", got.query.Name, made, again)
			}
		}
		if failed != len(queries)-4 || d.told != nil {
			t.Errorf("%d failed, told: %v", failed, d.told)
		}
		checkSame(t, aws, answers)
	})
}

// A call that is refused for what it asks is not repeated: each is read by itself, and only the one that is to blame
// fails.
func TestRefusedBatch(t *testing.T) {
	forBoth(t, func(t *testing.T, service source.Service) {
		for _, code := range []string{"ValidationException", "InvalidParameterException", "ResourceNotFoundException"} {
			aws := mustStart(t)
			queries := fill(aws, service, 5)
			single, batch, _ := operations(service)
			aws.Faults.Add(awstest.Rule{Operation: batch, Fault: awstest.Refused(400, code, "")})
			aws.Faults.Add(awstest.Rule{Name: queries[2].Name, Fault: awstest.Refused(400, code, "")})
			answers := together(t, aws, mustConnect(t, aws, batching), queries...)
			for i, got := range answers {
				if (got.err != nil) != (i == 2) || i == 2 && got.err.Code != code {
					t.Errorf("%s: got %v", got.query.Name, got.err)
				}
			}
			checkBatches(t, aws, batch, 5)
			checkBatches(t, aws, single, 1, 1, 1, 1, 1)
		}
	})
}

// That a read was thrown together with others in vain is none of its attempts.
func TestAttemptsAfterABatch(t *testing.T) {
	forBoth(t, func(t *testing.T, service source.Service) {
		aws := mustStart(t)
		queries := fill(aws, service, 4)
		_, batch, _ := operations(service)
		aws.Faults.Add(awstest.Rule{Operation: batch, Fault: awstest.Refused(400, "ValidationException", "")})
		for _, q := range queries[1:] {
			aws.Faults.Add(awstest.Rule{Name: q.Name, Times: 1, Fault: awstest.InternalError()})
		}
		s := mustConnect(t, aws, func(cfg *source.Config) { batching(cfg); cfg.MaxAttempts = 2 })
		for _, got := range together(t, aws, s, queries...) {
			if got.err != nil {
				t.Error(got.err)
			}
		}
	})
}

// A call for several that fails with something transient is tried again for each of its names, within the budget of
// each, and the callers see none of it.
func TestBatchUntilItGoes(t *testing.T) {
	for name, fault := range map[string]awstest.Fault{
		"throttled": awstest.Throttled(), "failing": awstest.InternalError(), "unavailable": awstest.Unavailable(),
		"reset": awstest.Reset(), "cut": awstest.Cut(), "garbage": awstest.Garbage(), "hanging": awstest.Hang(),
		"stalling": awstest.Stall(), "nothing": awstest.Raw(200, "application/x-amz-json-1.1", ""),
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(t *testing.T, service source.Service) {
				aws := mustStart(t)
				queries := fill(aws, service, 8)
				_, batch, _ := operations(service)
				aws.Faults.Add(awstest.Rule{Operation: batch, Times: 1, Fault: fault})
				s := mustConnect(t, aws, func(cfg *source.Config) { batching(cfg); within(4 * time.Second)(cfg) })
				answers := together(t, aws, s, queries...)
				checkSame(t, aws, answers)
				for _, got := range answers {
					if got.err != nil {
						t.Errorf("%s: %v", got.query.Name, got.err)
					}
				}
			})
		})
	}
}

// Where a call for several goes on failing, each read has an error of its own, with its own name: who changes one
// changes no other.
func TestErrorsOfABatch(t *testing.T) {
	for name, row := range map[string]struct {
		fault awstest.Fault
		class source.Class
	}{
		"throttled": {awstest.Throttled(), source.Throttled}, "failing": {awstest.InternalError(), source.Failing},
		"reset": {awstest.Reset(), source.Unreachable}, "garbage": {awstest.Garbage(), source.Unreadable},
		"hanging": {awstest.Hang(), source.TimedOut}, "expired": {awstest.ExpiredToken(), source.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			forBoth(t, func(t *testing.T, service source.Service) {
				aws := mustStart(t)
				queries := fill(aws, service, 8)
				single, batch, _ := operations(service)
				aws.Faults.Add(awstest.Rule{Operation: batch, Fault: row.fault})
				for _, q := range queries {
					aws.Faults.Add(awstest.Rule{Name: q.Name, Fault: row.fault})
				}
				budget := awstest.Patience
				if row.class == source.TimedOut {
					budget = 3 * time.Second
				}
				s := mustConnect(t, aws, func(cfg *source.Config) {
					batching(cfg)
					within(budget)(cfg)
					cfg.MaxAttempts = 2
				})
				begin := time.Now()
				answers := together(t, aws, s, queries...)
				if took := time.Since(begin); took > awstest.Patience/2 {
					t.Errorf("it took %v", took)
				}
				seen := make(map[*source.Error]bool)
				for _, got := range answers {
					switch {
					case got.err == nil || got.err.Class != row.class || seen[got.err]:
						t.Errorf("%s: %v", got.query.Name, got.err)
					case got.err.Name != got.query.Name || got.err.Operation != string(single):
						t.Errorf("%s: told of %s %s", got.query.Name, got.err.Operation, got.err.Name)
					}
					seen[got.err] = true
				}
			})
		})
	}
}
