package main

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"

	"larder/extension/internal/access"
	"larder/extension/internal/access/cloudwatch"
	"larder/extension/internal/api"
	"larder/extension/internal/cache"
	"larder/extension/internal/config"
	"larder/extension/internal/lambda"
	"larder/extension/internal/source"
)

// extension is the whole: each room once.
type extension struct {
	config      config.Config
	kind        lambda.InitializationType
	token       token
	log         *slog.Logger
	lines       *access.Log // to standard output
	records     *access.Recorder
	sink        *cloudwatch.Delivery // nil for none
	authorities *x509.CertPool       // nil for the system's
	source      *source.Services
	cache       *cache.Cache
	server      *api.Server
	restore     *restore // nil if there is no snapshot
	invoked     bool     // used by the loop of events alone
}

// wire makes the rooms and hands each its settings. No connection is opened and nothing is started.
func wire(environ []string, stdout io.Writer) *extension {
	cfg, warnings := config.Parse(environ)
	x := &extension{config: cfg, kind: lambda.InitializationType(cfg.Lambda.InitializationType)}
	x.lines = access.NewLog(stdout)
	x.log = newLogger(x.lines, cfg.LogLevel)
	for _, w := range warnings {
		x.log.Warn(w.String(), "variable", w.Variable, "value", w.Value, "allowed", w.Allowed, "default", w.Default)
	}
	x.logSettings()
	x.token = readToken(cfg)
	x.authorities = x.rootCAs()

	credentials := source.NewCredentials(source.CredentialsConfig{
		AccessKeyID:        cfg.AWS.AccessKeyID,
		SecretAccessKey:    cfg.AWS.SecretAccessKey,
		SessionToken:       cfg.AWS.SessionToken,
		ContainerURI:       cfg.AWS.ContainerURI,
		ContainerToken:     cfg.AWS.ContainerToken,
		ContainerTokenFile: cfg.AWS.ContainerTokenFile,
	})
	x.source = source.New(source.Config{
		Region:         cfg.AWS.Region,
		Credentials:    credentials,
		SecretsManager: source.Upstream{Endpoint: cfg.SecretsManager.Endpoint, Budget: cfg.SecretsManager.Budget},
		ParameterStore: source.Upstream{Endpoint: cfg.ParameterStore.Endpoint, Budget: cfg.ParameterStore.Budget},
		MaxConnections: cfg.MaxConnections,
		Batch:          cfg.Batch,
		BatchDenied:    x.logBatchDenied,
		MaxAttempts:    cfg.AWS.MaxAttempts,
		UseFIPS:        cfg.AWS.UseFIPS,
		UseDualStack:   cfg.AWS.UseDualStack,
		RootCAs:        x.authorities,
	})
	x.wireRecords(credentials)
	remember := cache.Config{
		MaxItems:             cfg.Cache.MaxItems,
		MaxBytes:             cfg.Cache.MaxBytes,
		SecretTTL:            cfg.SecretsManager.TTL,
		ParameterTTL:         cfg.ParameterStore.TTL,
		StaleIfError:         cfg.Cache.StaleIfError,
		StaleWait:            cfg.Cache.StaleWait,
		StaleWhileRevalidate: cfg.Cache.StaleWhileRevalidate,
		NegativeTTL:          cfg.Cache.NegativeTTL,
		Held:                 x.kind.IsSnapshotted(),
		Outage:               x.logOutage,
		Panicked:             x.logPanic,
	}
	if !cfg.Cache.Enabled {
		remember.MaxItems = 0
	}
	x.cache = cache.New(remember, x.source)
	allow := api.Config{
		Token:       x.token.value,
		MaxInFlight: cfg.MaxInFlight,
		Instance:    newInstance(),
		Panicked:    x.logPanic,
	}
	if x.kind.IsSnapshotted() {
		x.restore = newRestore(x.reset)
		allow.Arrived = x.restore.arrived
	}
	if cfg.AWS.ContainerURI != "" && cfg.Token == cfg.AWS.ContainerToken {
		allow.IsSessionToken = credentials.IsSessionToken // under SnapStart the function may know this one only
	}
	x.server = api.New(allow, x.cache, x.records)
	return x
}

// newInstance begins request ids that no other environment's have.
func newInstance() string { return "larder-" + strconv.FormatUint(rand.Uint64(), 36) }

// reset drops what clones of a snapshot must not share, or what is too old to be of use after a restore: connections,
// credentials, and the names that ids and the log stream begin with.
func (x *extension) reset() {
	x.source.Reset()
	x.server.Rename(newInstance())
	if x.sink != nil {
		x.sink.Restart()
	}
}

// wireRecords makes what reads are written down with.
func (x *extension) wireRecords(credentials *source.Credentials) {
	cfg := x.config
	records := access.Config{
		Function: cfg.Lambda.FunctionName,
		Version:  cfg.Lambda.FunctionVersion,
		Detail:   map[string]access.Detail{"all": access.All, "summary": access.Summary, "none": access.None}[cfg.Access.Detail],
	}
	if cfg.Access.Metrics {
		records.Metrics = x.lines
	}
	if cfg.Access.Stdout {
		records.Sinks = append(records.Sinks, x.lines)
	}
	if cfg.Access.CloudWatch {
		x.sink = cloudwatch.New(cloudwatch.Config{
			Group:       cfg.Access.LogGroup,
			Stream:      cmp.Or(cfg.Lambda.FunctionName, "larder") + "/" + cmp.Or(cfg.Lambda.FunctionVersion, "none"),
			Region:      cfg.AWS.Region,
			Endpoint:    cmp.Or(cfg.Access.Endpoint, cloudwatch.Endpoint(cfg.AWS.Region, cfg.AWS.UseFIPS, cfg.AWS.UseDualStack)),
			Credentials: credentials,
			Refused:     credentials.Refused,
			RootCAs:     x.authorities,
			Changed:     x.logDelivery,
		})
		records.Sinks = append(records.Sinks, x.sink)
	}
	x.records = access.NewRecorder(records)
}

// token is what callers have to send, or why there is none.
type token struct {
	value string
	err   error
}

func readToken(cfg config.Config) token {
	value := cfg.Token
	if cfg.TokenFile != "" {
		content, err := os.ReadFile(cfg.TokenFile)
		if err != nil {
			return token{err: fmt.Errorf("reading the token that LARDER_TOKEN points to: %w", err)}
		}
		if value = strings.TrimSpace(string(content)); value == "" {
			return token{err: fmt.Errorf("the file %s, which LARDER_TOKEN names, is empty", cfg.TokenFile)}
		}
	}
	if value == "" {
		return token{err: errors.New("there is no token for callers to send: AWS_SESSION_TOKEN, which Lambda sets, " +
			"is empty, and so is LARDER_TOKEN; set one of them")}
	}
	return token{value: value}
}

// rootCAs reads AWS_CA_BUNDLE; nil stands for the system's authorities.
func (x *extension) rootCAs() *x509.CertPool {
	path := x.config.AWS.CABundle
	if path == "" {
		return nil
	}
	bundle, err := os.ReadFile(path)
	pool := x509.NewCertPool()
	if err == nil && pool.AppendCertsFromPEM(bundle) {
		return pool
	}
	if err == nil {
		err = errors.New("no certificate in PEM form in it")
	}
	x.log.Warn("AWS_CA_BUNDLE cannot be used: "+err.Error()+": allowed is a file of PEM certificates; using the system's authorities",
		"variable", "AWS_CA_BUNDLE", "value", path, "allowed", "a file of PEM certificates", "default", "the system's")
	return nil
}
