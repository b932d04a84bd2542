package config_test

import (
	"strings"
	"testing"

	"larder/extension/internal/config"
)

// A sink in CloudWatch needs a log group: without one, and with a malformed one, records go to standard output, so that
// none is lost for a setting.
func TestSinkNeedsGroup(t *testing.T) {
	const group, allowed = "LARDER_LOG_GROUP=/larder/access", "cloudwatch or both together with LARDER_LOG_GROUP"
	for _, row := range []struct {
		sink, group        string
		stdout, cloudWatch bool
		warned             []string
	}{
		{"", "", true, false, nil},
		{"", group, true, false, nil},
		{"stdout", group, true, false, nil},
		{"cloudwatch", group, false, true, nil},
		{"CloudWatch", group, false, true, nil},
		{"both", group, true, true, nil},
		{"cloudwatch", "", true, false, []string{"LARDER_ACCESS_SINK"}},
		{"both", "LARDER_LOG_GROUP= ", true, false, []string{"LARDER_ACCESS_SINK"}},
		{"both", "LARDER_LOG_GROUP=a group", true, false, []string{"LARDER_LOG_GROUP", "LARDER_ACCESS_SINK"}},
		{"stdout", "LARDER_LOG_GROUP=a group", true, false, []string{"LARDER_LOG_GROUP"}},
		{"elsewhere", group, true, false, []string{"LARDER_ACCESS_SINK"}},
	} {
		c, warnings := config.Parse([]string{"LARDER_ACCESS_SINK=" + row.sink, row.group})
		if c.Access.Stdout != row.stdout || c.Access.CloudWatch != row.cloudWatch {
			t.Errorf("%q and %q: got %+v", row.sink, row.group, c.Access)
		}
		var warned []string
		for _, w := range warnings {
			warned = append(warned, w.Variable)
			if w.Variable == "LARDER_ACCESS_SINK" && row.sink != "elsewhere" && (w.Allowed != allowed || w.Value != row.sink || w.Default != "stdout") {
				t.Errorf("%q and %q: %s", row.sink, row.group, w)
			}
		}
		if strings.Join(warned, " ") != strings.Join(row.warned, " ") {
			t.Errorf("%q and %q: warnings are %v", row.sink, row.group, warnings)
		}
	}
}

// A name that is too long for a log group is none.
func TestGroupTooLong(t *testing.T) {
	c, warnings := config.Parse([]string{"LARDER_LOG_GROUP=" + strings.Repeat("x", 513)})
	if c.Access.LogGroup != "" || len(warnings) != 1 {
		t.Errorf("got %q and %v", c.Access.LogGroup, warnings)
	}
}

// The log tells the settings of the record, and of the endpoint only that there is one.
func TestSettingsOfTheRecord(t *testing.T) {
	line, settings := mustLogSettings(t, []string{
		"LARDER_ACCESS_LOG=summary", "LARDER_ACCESS_SINK=both", "LARDER_LOG_GROUP=/larder/access", "LARDER_METRICS=on",
		"AWS_ENDPOINT_URL_CLOUDWATCH_LOGS=http://user:canary@host",
	})
	for name, want := range map[string]any{
		"LARDER_ACCESS_LOG": "summary", "LARDER_ACCESS_SINK": "both", "LARDER_LOG_GROUP": "/larder/access",
		"LARDER_METRICS": "on", "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": true,
	} {
		if settings[name] != want {
			t.Errorf("%s: got %v, want %v", name, settings[name], want)
		}
	}
	if strings.Contains(line, "canary") {
		t.Errorf("a secret is in %s", line)
	}
	for sink, want := range map[string]string{"cloudwatch": "cloudwatch", "stdout": "stdout"} {
		if _, settings := mustLogSettings(t, []string{"LARDER_ACCESS_SINK=" + sink, "LARDER_LOG_GROUP=g"}); settings["LARDER_ACCESS_SINK"] != want {
			t.Errorf("%s: got %v", sink, settings["LARDER_ACCESS_SINK"])
		}
	}
}
