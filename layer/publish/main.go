// Command publish makes a layer version of each architecture's zip in each region it is told, and says how to call
// them. Without being told to publish it makes no call at all, and prints those that it would make.
//
//	REGIONS="eu-central-1 us-east-1" VERSION=0123456789ab go run . ../../build
//
// Its settings are variables, which settings.go describes: the words that publish have to be typed on purpose. The
// credentials are those of AWS's default chain.
//
// It is a module of its own: what it needs of the SDK must not enter the extension's modules, and the credentials that
// may publish meet no code but AWS's modules, whose digests go.sum holds.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// errFailed stands for what the table has told already.
var errFailed = errors.New("a region failed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "publish: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("usage: publish FOLDER, which holds the zips")
	}
	s, err := readSettings(os.Getenv)
	if err != nil {
		return err
	}
	layers, err := readLayers(arguments[0], s.name)
	if err != nil {
		return err
	}
	if !s.publish {
		return rehearse(ctx, os.Stdout, s, layers)
	}
	// The chain's own region, where it has one, is where it gets credentials, whatever the regions to publish in.
	shared, err := config.LoadDefaultConfig(ctx, config.WithDefaultRegion(s.regions[0]))
	if err != nil {
		return fmt.Errorf("loading AWS settings: %w", err)
	}
	results := publishAll(ctx, s, layers, 4, func(region string) api { return client(shared, region) })
	if err := printTable(os.Stdout, results); err != nil {
		return fmt.Errorf("printing table: %w", err)
	}
	if slices.ContainsFunc(results, func(r result) bool { return r.err != nil }) {
		return errFailed
	}
	return nil
}

func client(shared aws.Config, region string) *lambda.Client {
	return lambda.NewFromConfig(shared, func(o *lambda.Options) { o.Region = region })
}
