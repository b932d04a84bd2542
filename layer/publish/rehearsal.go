// This file is the publishing that calls nobody. It takes the very inputs that Lambda would get and prints them as
// commands of the AWS CLI, field by field, so that what is printed cannot differ from what would be called.

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// rehearse prints the calls that publishing would make.
func rehearse(ctx context.Context, w io.Writer, s settings, layers []layer) error {
	fmt.Fprintln(w, "# A rehearsal: nothing is called. PUBLISH=yes makes these calls, and leaves out publishing where the newest")
	fmt.Fprintln(w, "# version has the digest already. VERSION is the number that Lambda answers with.")
	if s.public {
		fmt.Fprintln(w, "# The permission lets every AWS account use the layers. It wants a second word: CONFIRM=public")
	}
	for _, r := range publishAll(ctx, s, layers, 1, func(region string) api { return rehearsal{w, region, layers} }) {
		if r.err != nil {
			return fmt.Errorf("rehearsing %s in %s: %w", r.layer.name, r.region, r.err)
		}
	}
	return nil
}

// rehearsal answers as a region would that has an older version of the layer, so that every call is made.
type rehearsal struct {
	w      io.Writer
	region string
	layers []layer
}

func (r rehearsal) ListLayerVersions(_ context.Context, input *lambda.ListLayerVersionsInput, _ ...func(*lambda.Options)) (*lambda.ListLayerVersionsOutput, error) {
	return &lambda.ListLayerVersionsOutput{LayerVersions: []types.LayerVersionsListItem{{}}}, r.print("list-layer-versions", input)
}

func (r rehearsal) GetLayerVersion(_ context.Context, input *lambda.GetLayerVersionInput, _ ...func(*lambda.Options)) (*lambda.GetLayerVersionOutput, error) {
	return &lambda.GetLayerVersionOutput{}, r.print("get-layer-version", input)
}

func (r rehearsal) PublishLayerVersion(_ context.Context, input *lambda.PublishLayerVersionInput, _ ...func(*lambda.Options)) (*lambda.PublishLayerVersionOutput, error) {
	accepted := layer{zip: input.Content.ZipFile}.codeSha256()
	return &lambda.PublishLayerVersionOutput{Content: &types.LayerVersionContentOutput{CodeSha256: &accepted}},
		r.print("publish-layer-version", input)
}

func (r rehearsal) AddLayerVersionPermission(_ context.Context, input *lambda.AddLayerVersionPermissionInput, _ ...func(*lambda.Options)) (*lambda.AddLayerVersionPermissionOutput, error) {
	return &lambda.AddLayerVersionPermissionOutput{}, r.print("add-layer-version-permission", input)
}

// print writes a command with an option for each field of the input that is set. It fails rather than leave one out.
func (r rehearsal) print(command string, input any) error {
	words := []string{"aws", "lambda", command, "--region", r.region}
	fields := reflect.ValueOf(input).Elem()
	for i := range fields.NumField() {
		field := fields.Type().Field(i)
		if !field.IsExported() || fields.Field(i).IsZero() {
			continue
		}
		option := "--" + kebab(field.Name)
		value, known := r.value(fields.Field(i).Interface())
		if !known {
			return fmt.Errorf("printing %s: no way to print %s", command, field.Name)
		}
		if field.Name == "Content" {
			option = "--zip-file" // The CLI's name of the only kind of content that stands here.
		}
		words = append(words, option, quoted(value))
	}
	_, err := fmt.Fprintln(r.w, strings.Join(words, " "))
	return err
}

// value returns a field's value in the CLI's manner, and whether it is known how.
func (r rehearsal) value(field any) (string, bool) {
	switch v := field.(type) {
	case *string:
		return *v, true
	case *int64:
		if *v == 0 {
			return "VERSION", true
		}
		return strconv.FormatInt(*v, 10), true
	case []types.Architecture:
		return string(v[0]), len(v) == 1
	case *types.LayerVersionContentInput:
		for _, l := range r.layers {
			if bytes.Equal(l.zip, v.ZipFile) {
				return "fileb://" + l.path, true
			}
		}
	}
	return "", false
}

var (
	capital = regexp.MustCompile(`([a-z])([A-Z])`)
	plain   = regexp.MustCompile(`^[A-Za-z0-9_./:=@-]+$`)
)

func kebab(name string) string { return strings.ToLower(capital.ReplaceAllString(name, "$1-$2")) }

// quoted returns the word as a shell takes it.
func quoted(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
