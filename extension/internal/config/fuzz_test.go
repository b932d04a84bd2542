package config_test

import (
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"larder/extension/internal/config"
)

// Whatever the environment holds, the settings are ones that the other rooms can work with, and every warning is
// one that can be read.
func FuzzParse(f *testing.F) {
	f.Add("")
	for _, v := range ranged() {
		for value := range v.good {
			f.Add(v.name + "=" + value)
		}
		for _, value := range v.bad {
			f.Add(v.name + "=" + value + "\x00AWS_ENDPOINT_URL=" + value)
		}
	}
	f.Add("LARDER_TOKEN=file:///token\x00AWS_ENDPOINT_URL=http://user:password@host\x00=\x00==")
	f.Fuzz(func(t *testing.T, joined string) {
		c, warnings := config.Parse(strings.Split(joined, "\x00"))
		within := func(name string, value, least, most int64) {
			if value < least || value > most {
				t.Errorf("%s is %d, allowed is %d to %d", name, value, least, most)
			}
		}
		within("port", int64(c.Port), 1, 65535)
		within("connections", int64(c.MaxConnections), 1, 1000)
		within("requests in flight", int64(c.MaxInFlight), 1, 100_000)
		within("items", int64(c.Cache.MaxItems), 0, 100_000)
		within("bytes", c.Cache.MaxBytes, 0, 8<<30)
		within("attempts", int64(c.AWS.MaxAttempts), 0, 100)
		for _, service := range []config.Service{c.SecretsManager, c.ParameterStore} {
			within("TTL", int64(service.TTL), 0, int64(10*365*24*time.Hour))
			within("budget", int64(service.Budget), int64(time.Millisecond), int64(15*time.Minute))
			checkEndpoint(t, service.Endpoint)
		}
		if c.TokenFile != "" && (c.Token != "" || !strings.HasPrefix(c.TokenFile, "/")) {
			t.Errorf("token file %q, and a token: %t", c.TokenFile, c.Token != "")
		}
		for _, w := range warnings {
			if text := w.String(); text == "" || strings.ContainsAny(text, "\n\r") || len(w.Value) > 110 ||
				utf8.ValidString(joined) && !utf8.ValidString(w.Value) {
				t.Errorf("warning %q", text)
			}
			if w.Variable == "" || w.Allowed == "" || w.Default == "" {
				t.Errorf("incomplete warning %+v", w)
			}
		}
		c.Settings()
	})
}

func checkEndpoint(t *testing.T, endpoint string) {
	t.Helper()
	if endpoint == "" {
		return
	}
	if parsed, err := url.Parse(endpoint); err != nil || parsed.Host == "" {
		t.Errorf("endpoint %q: %v", endpoint, err)
	}
}
