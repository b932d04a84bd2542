package cloudwatch_test

import (
	"context"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"larder/extension/internal/access/cloudwatch"
	"larder/extension/internal/awstest"
)

// Credentials that AWS does not take any more are given up, and the lines are delivered at once with others, if there are
// others.
func TestRefusedCredentials(t *testing.T) {
	for _, others := range []bool{true, false} {
		server := awstest.MustStart(t, awstest.Options{})
		server.Logs.PutGroup(group)
		refused, told := 0, make(chan string, 10)
		d := cloudwatch.New(cloudwatch.Config{
			Group: group, Stream: "function/7", Region: "eu-west-1", Endpoint: server.URL(),
			Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "a", SecretAccessKey: "b"}, nil
			}),
			Refused: func(begin time.Time) bool {
				if age := time.Since(begin); age < 0 || age > patience {
					t.Errorf("the call began %v ago", age)
				}
				refused++
				return others
			},
			Changed: func(operation, code string) { told <- operation + " " + code },
		})
		server.Faults.Add(awstest.Rule{Operation: awstest.PutLogEvents, Times: 1, Fault: awstest.ExpiredToken()})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			d.Run(ctx)
			close(ended)
		}()
		d.Add(time.Now(), []byte("{}\n"))
		d.Flush(t.Context())
		delivered := len(server.Logs.Events(group)) == 1
		if delivered != others || (len(told) > 0) == others {
			t.Errorf("with others %t: delivered %t, told %d times", others, delivered, len(told))
		}
		cancel()
		<-ended
		if refused != 1 {
			t.Errorf("with others %t: given up %d times", others, refused)
		}
	}
}
