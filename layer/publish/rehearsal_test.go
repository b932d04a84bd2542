package main

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// The rehearsal prints every call for every region and architecture, in the order in which they would be made.
func TestRehearsal(t *testing.T) {
	t.Parallel()
	layers := []layer{testLayer("larder-x86_64", "a"), testLayer("larder-arm64", "b")}
	s := settings{regions: []string{"eu-central-1", "us-east-1"}, version: "0123456789ab", public: true}
	var printed strings.Builder
	if err := rehearse(t.Context(), &printed, s, layers); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, region := range s.regions {
		for _, l := range layers {
			for _, call := range []string{
				"list-layer-versions --region REGION --layer-name LAYER",
				"get-layer-version --region REGION --layer-name LAYER --version-number VERSION",
				"publish-layer-version --region REGION --zip-file fileb://build/LAYER.zip --layer-name LAYER" +
					" --compatible-architectures ARCHITECTURE" +
					" --description 'Larder, version 0123456789ab, sha256 DIGEST' --license-info Apache-2.0",
				"add-layer-version-permission --region REGION --action lambda:GetLayerVersion --layer-name LAYER" +
					" --principal '*' --statement-id public --version-number VERSION",
			} {
				fill := strings.NewReplacer("REGION", region, "LAYER", l.name, "ARCHITECTURE", string(l.architecture), "DIGEST", l.digest())
				want.WriteString("aws lambda " + fill.Replace(call) + "\n")
			}
		}
	}
	var calls strings.Builder
	for line := range strings.Lines(printed.String()) {
		if !strings.HasPrefix(line, "#") {
			calls.WriteString(line)
		}
	}
	if calls.String() != want.String() {
		t.Errorf("printed\n%s\nwant\n%s", calls.String(), want.String())
	}
}

// A private publishing has no permission in its rehearsal.
func TestRehearsalOfPrivate(t *testing.T) {
	t.Parallel()
	var printed strings.Builder
	s := settings{regions: []string{"eu-central-1"}, version: "0123456789ab"}
	if err := rehearse(t.Context(), &printed, s, []layer{testLayer("larder-arm64", "b")}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(printed.String(), "permission") {
		t.Errorf("printed a permission:\n%s", printed.String())
	}
}

// A field that cannot be printed fails the rehearsal: a call that lacks something would be a lie.
func TestRehearsalLeavesNothingOut(t *testing.T) {
	t.Parallel()
	r := rehearsal{w: &strings.Builder{}, region: "eu-central-1"}
	if err := r.print("list-layer-versions", &lambda.ListLayerVersionsInput{MaxItems: aws.Int32(1)}); err == nil {
		t.Error("a field of a kind that it does not know was passed over")
	}
	if got := quoted("it's"); got != `'it'\''s'` {
		t.Errorf("quoted: %s", got)
	}
}
