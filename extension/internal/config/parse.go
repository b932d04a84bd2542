package config

import (
	"cmp"
	"log/slog"
	"net/url"
	"strings"
	"time"
)

const (
	maxSeconds = 10 * 365 * 24 * 3600 // ten years: a TTL of any length, without overflowing time.Duration
	maxMillis  = 15 * 60 * 1000       // no Lambda invocation lasts longer than 15 minutes

	// defaultMaxBytes leaves a function of 128 MB its memory: a thousand values of 10 KB fit.
	defaultMaxBytes = 16 << 20
	// defaultMaxInFlight stays well below the 1,024 file descriptors of a Lambda environment.
	defaultMaxInFlight = 512
)

// Parse reads environ, which has the form of os.Environ. What is malformed or out of range gets its default
// and a Warning, never an error: an extension that gave up would take the function down with it.
func Parse(environ []string) (Config, []Warning) {
	p := parser{environment: index(environ)}
	endpoint := p.endpoint("AWS_ENDPOINT_URL")
	c := Config{
		Port:           p.integer("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", 2773, 1, 65535),
		LogLevel:       p.logLevel("PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL"),
		MaxConnections: p.integer("PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS", 3, 1, 1000),
		MaxInFlight:    p.integer("LARDER_MAX_IN_FLIGHT", defaultMaxInFlight, 1, 100_000),
		Batch:          p.onOff("LARDER_BATCH", false),
		Cache: Cache{
			Enabled:              p.boolean("PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED", true),
			MaxItems:             p.integer("PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE", 1000, 0, 100_000),
			MaxBytes:             int64(p.integer("LARDER_CACHE_MAX_BYTES", defaultMaxBytes, 0, 8<<30)),
			StaleIfError:         p.seconds("LARDER_STALE_IF_ERROR", 3600),
			StaleWait:            p.millis("LARDER_STALE_WAIT_MILLIS", 250),
			StaleWhileRevalidate: p.seconds("LARDER_STALE_WHILE_REVALIDATE", 0),
			NegativeTTL:          p.seconds("LARDER_NEGATIVE_TTL", 2),
		},
		SecretsManager: Service{
			TTL:      p.seconds("SECRETS_MANAGER_TTL", 300),
			Budget:   p.budget("SECRETS_MANAGER_TIMEOUT_MILLIS"),
			Endpoint: cmp.Or(p.endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER"), endpoint),
		},
		ParameterStore: Service{
			TTL:      p.seconds("SSM_PARAMETER_STORE_TTL", 300),
			Budget:   p.budget("SSM_PARAMETER_STORE_TIMEOUT_MILLIS"),
			Endpoint: cmp.Or(p.endpoint("AWS_ENDPOINT_URL_SSM"), endpoint),
		},
		AWS: AWS{
			Region:             p.first("AWS_REGION", "AWS_DEFAULT_REGION"),
			AccessKeyID:        p.first("AWS_ACCESS_KEY_ID"),
			SecretAccessKey:    p.first("AWS_SECRET_ACCESS_KEY"),
			SessionToken:       p.first("AWS_SESSION_TOKEN"),
			ContainerURI:       p.containerURI(),
			ContainerToken:     p.first("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
			ContainerTokenFile: p.first("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
			UseFIPS:            p.boolean("AWS_USE_FIPS_ENDPOINT", false),
			UseDualStack:       p.boolean("AWS_USE_DUALSTACK_ENDPOINT", false),
			MaxAttempts:        p.integer("AWS_MAX_ATTEMPTS", 0, 0, 100),
			CABundle:           p.first("AWS_CA_BUNDLE"),
		},
		Lambda: Lambda{
			RuntimeAPI:         p.first("AWS_LAMBDA_RUNTIME_API"),
			FunctionName:       p.first("AWS_LAMBDA_FUNCTION_NAME"),
			FunctionVersion:    p.first("AWS_LAMBDA_FUNCTION_VERSION"),
			InitializationType: p.first("AWS_LAMBDA_INITIALIZATION_TYPE"),
		},
	}
	c.Access = p.access(endpoint)
	c.Token, c.TokenFile = p.token()
	return c, p.warnings
}

// access reads what is written down of reads, and where. A sink that is not complete gives way to standard output.
func (p *parser) access(endpoint string) Access {
	a := Access{
		Detail:   p.word("LARDER_ACCESS_LOG", "all", "all", "summary", "none"),
		LogGroup: p.logGroup("LARDER_LOG_GROUP"),
		Endpoint: cmp.Or(p.endpoint("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS"), endpoint),
		Metrics:  p.onOff("LARDER_METRICS", false),
	}
	sink := p.word("LARDER_ACCESS_SINK", "stdout", "stdout", "cloudwatch", "both")
	if sink != "stdout" && a.LogGroup == "" {
		p.warn("LARDER_ACCESS_SINK", sink, "cloudwatch or both together with LARDER_LOG_GROUP", "stdout")
		sink = "stdout"
	}
	a.Stdout = sink != "cloudwatch"
	a.CloudWatch = sink != "stdout"
	return a
}

// logGroup reads the name of a log group, as CloudWatch Logs allows it.
func (p *parser) logGroup(name string) string {
	value := p.first(name)
	for _, c := range []byte(value) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._-/#", rune(c)) || len(value) > 512 {
			p.warn(name, value, "1 to 512 letters, digits and . _ - / #", "none")
			return ""
		}
	}
	return value
}

func index(environ []string) map[string]string {
	environment := make(map[string]string, len(environ))
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		if _, again := environment[name]; !again { // the first counts, as in os.Getenv
			environment[name] = value
		}
	}
	return environment
}

// token finds the function's token, or the file that holds it: the first variable that is set counts.
func (p *parser) token() (token, file string) {
	own := p.first("LARDER_TOKEN")
	if path, isFile := strings.CutPrefix(own, "file://"); isFile {
		if strings.HasPrefix(path, "/") {
			return "", path
		}
		p.warn("LARDER_TOKEN", "(hidden)", "a token, or file:///absolute/path", "the function's own token")
		own = ""
	}
	if own != "" {
		return own, ""
	}
	return p.first("AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"), ""
}

// containerURI is the credential endpoint, in full or as ECS gives it.
func (p *parser) containerURI() string {
	if relative := p.first("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); relative != "" {
		return "http://169.254.170.2" + relative
	}
	return p.endpoint("AWS_CONTAINER_CREDENTIALS_FULL_URI")
}

func (p *parser) seconds(name string, standard int) time.Duration {
	return time.Duration(p.integer(name, standard, 0, maxSeconds)) * time.Second
}

func (p *parser) millis(name string, standard int) time.Duration {
	return time.Duration(p.integer(name, standard, 0, maxMillis)) * time.Millisecond
}

// budget reads a time limit that AWS's extension takes as "never" when it is 0; Larder always has a limit.
func (p *parser) budget(name string) time.Duration {
	return cmp.Or(p.millis(name, 0), DefaultBudget)
}

func (p *parser) logLevel(name string) slog.Level {
	switch p.word(name, "info", "debug", "info", "warn", "error", "none") {
	case "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	case "none":
		return LevelNone
	}
	return slog.LevelInfo
}

// endpoint reads a URL, which is never logged with its user part.
func (p *parser) endpoint(name string) string {
	value := p.first(name)
	if value == "" {
		return ""
	}
	parsed, err := url.Parse(value)
	if err == nil && parsed.Host != "" && (parsed.Scheme == "https" || parsed.Scheme == "http") {
		return value
	}
	if strings.Contains(value, "@") {
		value = "(hidden: it holds an @)"
	}
	p.warn(name, value, "a URL with http:// or https:// and a host", "AWS's own")
	return ""
}
