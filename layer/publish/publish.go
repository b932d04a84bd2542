// This file is what happens in a region, and that one region's trouble stays there.

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

const (
	licence = "Apache-2.0"
	// statement names the permission, so that granting it twice is one grant.
	statement = "public"
	// layerTimeout is for one layer in one region, with the SDK's retries: a region that does not answer must not hold
	// up the table.
	layerTimeout = 3 * time.Minute
)

// api is what publishing needs of Lambda. The rehearsal implements it, too.
type api interface {
	ListLayerVersions(context.Context, *lambda.ListLayerVersionsInput, ...func(*lambda.Options)) (*lambda.ListLayerVersionsOutput, error)
	GetLayerVersion(context.Context, *lambda.GetLayerVersionInput, ...func(*lambda.Options)) (*lambda.GetLayerVersionOutput, error)
	PublishLayerVersion(context.Context, *lambda.PublishLayerVersionInput, ...func(*lambda.Options)) (*lambda.PublishLayerVersionOutput, error)
	AddLayerVersionPermission(context.Context, *lambda.AddLayerVersionPermissionInput, ...func(*lambda.Options)) (*lambda.AddLayerVersionPermissionOutput, error)
}

// version is one layer version.
type version struct {
	number     int64
	arn        string
	codeSha256 string
}

// result is a line of the table.
type result struct {
	region  string
	layer   layer
	arn     string // empty where no version has the digest
	outcome string
	err     error // nil when the region has what was asked for
}

// publishAll publishes every layer in every region, so many regions at once, and returns the results in the order of
// the settings. It ends early in no case: what is interrupted is a result, too.
func publishAll(ctx context.Context, s settings, layers []layer, atOnce int, connect func(region string) api) []result {
	results := make([]result, len(s.regions)*len(layers))
	free := make(chan struct{}, atOnce)
	var regions sync.WaitGroup
	for i, region := range s.regions {
		free <- struct{}{}
		regions.Go(func() {
			defer func() { <-free }()
			connection := connect(region)
			for j, l := range layers {
				r := publishLayer(ctx, connection, s, l)
				r.region, r.layer = region, l
				results[i*len(layers)+j] = r
			}
		})
	}
	regions.Wait()
	return results
}

// publishLayer sees to it that the layer's newest version has the zip's digest, and the permission if it is public.
func publishLayer(ctx context.Context, connection api, s settings, l layer) result {
	ctx, cancel := context.WithTimeout(ctx, layerTimeout)
	defer cancel()
	current, err := newest(ctx, connection, l.name)
	if err != nil {
		return result{outcome: "failed", err: err}
	}
	done := result{arn: current.arn, outcome: "unchanged"}
	if current.codeSha256 != l.codeSha256() {
		if current, err = publishVersion(ctx, connection, s, l); err != nil {
			return result{outcome: "failed", err: err}
		}
		done = result{arn: current.arn, outcome: "published"}
	}
	if !s.public {
		return done
	}
	// Also where the version was there already: an earlier run may have failed between the two.
	if err := makePublic(ctx, connection, l.name, current.number); err != nil {
		return result{arn: done.arn, outcome: done.outcome + ", not public", err: err}
	}
	done.outcome += ", public"
	return done
}

// newest returns the layer's version with the highest number, or the zero version if it has none. Lambda promises no
// order of the list.
func newest(ctx context.Context, connection api, name string) (version, error) {
	var last *types.LayerVersionsListItem
	input := &lambda.ListLayerVersionsInput{LayerName: &name}
	for {
		page, err := connection.ListLayerVersions(ctx, input)
		if missing := (*types.ResourceNotFoundException)(nil); errors.As(err, &missing) {
			return version{}, nil
		}
		if err != nil {
			return version{}, fmt.Errorf("listing versions: %w", err)
		}
		for _, item := range page.LayerVersions {
			if last == nil || item.Version > last.Version {
				last = &item
			}
		}
		if aws.ToString(page.NextMarker) == "" {
			break
		}
		input.Marker = page.NextMarker
	}
	if last == nil {
		return version{}, nil
	}
	// The list tells no digest.
	known, err := connection.GetLayerVersion(ctx, &lambda.GetLayerVersionInput{LayerName: &name, VersionNumber: &last.Version})
	if err != nil {
		return version{}, fmt.Errorf("reading version %d: %w", last.Version, err)
	}
	found := version{number: last.Version, arn: aws.ToString(last.LayerVersionArn)}
	if known.Content != nil {
		found.codeSha256 = aws.ToString(known.Content.CodeSha256)
	}
	return found, nil
}

func publishVersion(ctx context.Context, connection api, s settings, l layer) (version, error) {
	published, err := connection.PublishLayerVersion(ctx, &lambda.PublishLayerVersionInput{
		LayerName:               &l.name,
		Description:             aws.String(s.description(l)),
		Content:                 &types.LayerVersionContentInput{ZipFile: l.zip},
		CompatibleArchitectures: []types.Architecture{l.architecture},
		LicenseInfo:             aws.String(licence),
	})
	if err != nil {
		return version{}, fmt.Errorf("publishing: %w", err)
	}
	made := version{number: published.Version, arn: aws.ToString(published.LayerVersionArn)}
	if published.Content != nil {
		made.codeSha256 = aws.ToString(published.Content.CodeSha256)
	}
	if made.codeSha256 != l.codeSha256() {
		return version{}, fmt.Errorf("publishing: %s has the digest %q, not the zip's %q", made.arn, made.codeSha256, l.codeSha256())
	}
	return made, nil
}

// makePublic lets every AWS account use the version.
func makePublic(ctx context.Context, connection api, name string, number int64) error {
	_, err := connection.AddLayerVersionPermission(ctx, &lambda.AddLayerVersionPermissionInput{
		LayerName:     &name,
		VersionNumber: &number,
		StatementId:   aws.String(statement),
		Action:        aws.String("lambda:GetLayerVersion"),
		Principal:     aws.String("*"),
	})
	if granted := (*types.ResourceConflictException)(nil); errors.As(err, &granted) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("granting permission: %w", err)
	}
	return nil
}
