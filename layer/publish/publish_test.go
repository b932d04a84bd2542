package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// A layer is published where its newest version has another digest or where there is none, and nowhere else. The
// newest is the one with the highest number, on whichever page and in whichever order it is listed.
func TestPublishesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	l := testLayer("larder-arm64", "zip")
	old, same := testLayer("", "another zip").codeSha256(), l.codeSha256()
	for name, c := range map[string]struct {
		region  *region
		outcome string
		number  int64
	}{
		"no layer yet":            {&region{}, "published", 1},
		"not even a name":         {&region{listing: &types.ResourceNotFoundException{}}, "published", 1},
		"an older digest":         {&region{digests: []string{old}}, "published", 2},
		"the same digest":         {&region{digests: []string{old, same}}, "unchanged", 2},
		"the same digest before":  {&region{digests: []string{same, old}}, "published", 3},
		"the same, on a page two": {&region{digests: []string{old, old, old, same}}, "unchanged", 4},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(c.region.digests)
			r := publishLayer(t.Context(), c.region, settings{version: "0123456789ab"}, l)
			if r.err != nil || r.outcome != c.outcome {
				t.Errorf("outcome %q, error %v, want %q", r.outcome, r.err, c.outcome)
			}
			if want := c.region.arn("larder-arm64", c.number); r.arn != want {
				t.Errorf("ARN = %q, want %q", r.arn, want)
			}
			if published := len(c.region.digests) - before; (published == 1) != (c.outcome == "published") {
				t.Errorf("%d versions were published", published)
			}
			if c.region.granted != nil {
				t.Errorf("versions %v became public unasked", c.region.granted)
			}
		})
	}
}

// A version says what it is: release, commit, digest, architecture and licence, within Lambda's 256 characters.
func TestPublishedVersionTellsWhatItIs(t *testing.T) {
	t.Parallel()
	l := testLayer("larder-arm64", "zip")
	eu := &region{}
	s := settings{version: "0123456789ab", tag: "v1.2.0-rc.1"}
	if r := publishLayer(t.Context(), eu, s, l); r.err != nil {
		t.Fatal(r.err)
	}
	description := aws.ToString(eu.last.Description)
	for _, want := range []string{"v1.2.0-rc.1", "0123456789ab", l.digest()} {
		if !strings.Contains(description, want) {
			t.Errorf("description %q lacks %q", description, want)
		}
	}
	if len(description) > 256 {
		t.Errorf("the description has %d characters", len(description))
	}
	if a := eu.last.CompatibleArchitectures; len(a) != 1 || a[0] != types.ArchitectureArm64 {
		t.Errorf("architectures = %v", a)
	}
	if got := aws.ToString(eu.last.LicenseInfo); got != "Apache-2.0" {
		t.Errorf("licence = %q", got)
	}
}

// The permission goes to the version with the digest, also where a run before this one got no further than publishing,
// and granting it twice is no fault.
func TestPublicVersions(t *testing.T) {
	t.Parallel()
	l := testLayer("larder-arm64", "zip")
	for name, c := range map[string]struct {
		region  *region
		outcome string
	}{
		"new":                 {&region{}, "published, public"},
		"published before":    {&region{digests: []string{l.codeSha256()}}, "unchanged, public"},
		"public before":       {&region{digests: []string{l.codeSha256()}, granting: &types.ResourceConflictException{}}, "unchanged, public"},
		"permission refused":  {&region{granting: errors.New("AccessDenied")}, "published, not public"},
		"listing refused":     {&region{listing: errors.New("AccessDenied")}, "failed"},
		"reading refused":     {&region{digests: []string{"x"}, reading: errors.New("AccessDenied")}, "failed"},
		"publishing refused":  {&region{publishing: errors.New("AccessDenied")}, "failed"},
		"another zip arrived": {&region{garble: true}, "failed"},
	} {
		t.Run(name, func(t *testing.T) {
			r := publishLayer(t.Context(), c.region, settings{public: true}, l)
			wantError := !strings.HasSuffix(c.outcome, ", public")
			if r.outcome != c.outcome || (r.err != nil) != wantError {
				t.Errorf("outcome %q, error %v, want %q", r.outcome, r.err, c.outcome)
			}
			if c.outcome != "failed" && r.arn != c.region.arn("larder-arm64", 1) {
				t.Errorf("ARN = %q, want the version's also when it did not become public", r.arn)
			}
			if !wantError && c.region.granting == nil && (len(c.region.granted) != 1 || c.region.granted[0] != 1) {
				t.Errorf("public versions = %v, want 1", c.region.granted)
			}
		})
	}
}

// Regions that fail or do not answer stop no other, and the results stand in the order of the settings.
func TestRegionsDoNotStopEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		layers := []layer{testLayer("larder-x86_64", "a"), testLayer("larder-arm64", "b")}
		regions := map[string]*region{
			"eu-central-1": {},
			"eu-south-1":   {listing: errors.New("UnrecognizedClientException: not\nenabled")},
			"me-south-1":   {silent: true},
			"af-south-1":   {silent: true},
			"us-east-1":    {},
		}
		s := settings{regions: []string{"me-south-1", "af-south-1", "eu-south-1", "us-east-1", "eu-central-1"}}
		begun := time.Now()
		results := publishAll(t.Context(), s, layers, 2, func(name string) api { return regions[name] })
		if waited := time.Since(begun); waited > 2*layerTimeout {
			t.Errorf("waited %v for two regions that do not answer, each with two layers", waited)
		}
		var table strings.Builder
		if err := printTable(&table, results); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(table.String()), "\n")
		if len(lines) != 11 {
			t.Fatalf("the table has %d lines, want a head and 10:\n%s", len(lines), table.String())
		}
		for i, want := range []string{
			"me-south-1 x86_64 - DIGEST failed: listing versions: context deadline exceeded",
			"me-south-1 arm64 - DIGEST failed: listing versions: context deadline exceeded",
			"af-south-1 x86_64 - DIGEST failed: listing versions: context deadline exceeded",
			"af-south-1 arm64 - DIGEST failed: listing versions: context deadline exceeded",
			"eu-south-1 x86_64 - DIGEST failed: listing versions: UnrecognizedClientException: not enabled",
			"eu-south-1 arm64 - DIGEST failed: listing versions: UnrecognizedClientException: not enabled",
			"us-east-1 x86_64 arn:larder-x86_64:1 DIGEST published",
			"us-east-1 arm64 arn:larder-arm64:2 DIGEST published",
			"eu-central-1 x86_64 arn:larder-x86_64:1 DIGEST published",
			"eu-central-1 arm64 arn:larder-arm64:2 DIGEST published",
		} {
			want = strings.Replace(want, "DIGEST", layers[i%2].digest(), 1)
			if got := strings.Join(strings.Fields(lines[i+1]), " "); got != want {
				t.Errorf("line %d = %q, want %q", i+1, got, want)
			}
		}
	})
}

// What is interrupted is told as failed, and nothing more is begun.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	eu := &region{silent: true}
	results := publishAll(ctx, settings{regions: []string{"eu-central-1"}}, []layer{testLayer("larder-arm64", "zip")}, 1,
		func(string) api { return eu })
	if len(results) != 1 || !errors.Is(results[0].err, context.Canceled) {
		t.Errorf("results = %v, want one that was cancelled", results)
	}
}

func testLayer(name, content string) layer {
	architecture := types.ArchitectureX8664
	if strings.HasSuffix(name, "arm64") {
		architecture = types.ArchitectureArm64
	}
	return layer{name: name, architecture: architecture, path: "build/" + name + ".zip", zip: []byte(content)}
}

// region is a pretended region, whose versions of all layers are counted together.
type region struct {
	digests  []string // of the versions, the oldest first
	garble   bool     // something on the way changes the zip
	silent   bool     // no call is answered
	granted  []int64
	last     *lambda.PublishLayerVersionInput
	listing  error
	reading  error
	granting error

	publishing error
}

func (r *region) arn(name string, number int64) string {
	return "arn:" + name + ":" + string(rune('0'+number))
}

// ListLayerVersions answers with two versions a page, the older first.
func (r *region) ListLayerVersions(ctx context.Context, input *lambda.ListLayerVersionsInput, _ ...func(*lambda.Options)) (*lambda.ListLayerVersionsOutput, error) {
	if r.silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if r.listing != nil {
		return nil, r.listing
	}
	output := &lambda.ListLayerVersionsOutput{}
	first := len(aws.ToString(input.Marker))
	for i := first; i < min(first+2, len(r.digests)); i++ {
		number := int64(i + 1)
		output.LayerVersions = append(output.LayerVersions,
			types.LayerVersionsListItem{Version: number, LayerVersionArn: aws.String(r.arn(*input.LayerName, number))})
	}
	if first+2 < len(r.digests) {
		output.NextMarker = aws.String(strings.Repeat("m", first+2))
	}
	return output, nil
}

func (r *region) GetLayerVersion(_ context.Context, input *lambda.GetLayerVersionInput, _ ...func(*lambda.Options)) (*lambda.GetLayerVersionOutput, error) {
	if r.reading != nil {
		return nil, r.reading
	}
	return &lambda.GetLayerVersionOutput{
		Content: &types.LayerVersionContentOutput{CodeSha256: &r.digests[*input.VersionNumber-1]},
	}, nil
}

func (r *region) PublishLayerVersion(_ context.Context, input *lambda.PublishLayerVersionInput, _ ...func(*lambda.Options)) (*lambda.PublishLayerVersionOutput, error) {
	if r.publishing != nil {
		return nil, r.publishing
	}
	received := layer{zip: input.Content.ZipFile}
	if r.garble {
		received.zip = append(received.zip, 0)
	}
	r.last, r.digests = input, append(r.digests, received.codeSha256())
	number := int64(len(r.digests))
	return &lambda.PublishLayerVersionOutput{
		Version:         number,
		LayerVersionArn: aws.String(r.arn(*input.LayerName, number)),
		Content:         &types.LayerVersionContentOutput{CodeSha256: &r.digests[number-1]},
	}, nil
}

func (r *region) AddLayerVersionPermission(_ context.Context, input *lambda.AddLayerVersionPermissionInput, _ ...func(*lambda.Options)) (*lambda.AddLayerVersionPermissionOutput, error) {
	if r.granting != nil {
		return nil, r.granting
	}
	r.granted = append(r.granted, *input.VersionNumber)
	return &lambda.AddLayerVersionPermissionOutput{}, nil
}
