package config

import "log/slog"

// Settings lists the effective settings for the log, each under the name of its variable if it has one of its own.
// Token and credentials are told only as being there or not.
func (c Config) Settings() []slog.Attr {
	return []slog.Attr{
		slog.Bool("PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED", c.Cache.Enabled),
		slog.Int("PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE", c.Cache.MaxItems),
		slog.Int("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", c.Port),
		slog.String("PARAMETERS_SECRETS_EXTENSION_LOG_LEVEL", levelName(c.LogLevel)),
		slog.Int("PARAMETERS_SECRETS_EXTENSION_MAX_CONNECTIONS", c.MaxConnections),
		slog.Int64("SECRETS_MANAGER_TIMEOUT_MILLIS", c.SecretsManager.Budget.Milliseconds()),
		slog.Int64("SECRETS_MANAGER_TTL", int64(c.SecretsManager.TTL.Seconds())),
		slog.Int64("SSM_PARAMETER_STORE_TIMEOUT_MILLIS", c.ParameterStore.Budget.Milliseconds()),
		slog.Int64("SSM_PARAMETER_STORE_TTL", int64(c.ParameterStore.TTL.Seconds())),
		slog.Int64("LARDER_CACHE_MAX_BYTES", c.Cache.MaxBytes),
		slog.Int("LARDER_MAX_IN_FLIGHT", c.MaxInFlight),
		slog.Int64("LARDER_STALE_IF_ERROR", int64(c.Cache.StaleIfError.Seconds())),
		slog.Int64("LARDER_STALE_WAIT_MILLIS", c.Cache.StaleWait.Milliseconds()),
		slog.Int64("LARDER_STALE_WHILE_REVALIDATE", int64(c.Cache.StaleWhileRevalidate.Seconds())),
		slog.Int64("LARDER_NEGATIVE_TTL", int64(c.Cache.NegativeTTL.Seconds())),
		slog.String("LARDER_BATCH", onOff(c.Batch)),
		slog.String("LARDER_ACCESS_LOG", c.Access.Detail),
		slog.String("LARDER_ACCESS_SINK", sinkName(c.Access)),
		slog.String("LARDER_LOG_GROUP", c.Access.LogGroup),
		slog.String("LARDER_METRICS", onOff(c.Access.Metrics)),
		slog.Bool("token_from_file", c.TokenFile != ""),
		slog.Bool("token", c.Token != ""),
		slog.String("AWS_REGION", c.AWS.Region),
		slog.Bool("AWS_ACCESS_KEY_ID", c.AWS.AccessKeyID != ""),
		slog.Bool("container_credentials", c.AWS.ContainerURI != ""),
		slog.Bool("AWS_ENDPOINT_URL_SECRETS_MANAGER", c.SecretsManager.Endpoint != ""),
		slog.Bool("AWS_ENDPOINT_URL_SSM", c.ParameterStore.Endpoint != ""),
		slog.Bool("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", c.Access.Endpoint != ""),
		slog.Bool("AWS_USE_FIPS_ENDPOINT", c.AWS.UseFIPS),
		slog.Bool("AWS_USE_DUALSTACK_ENDPOINT", c.AWS.UseDualStack),
		slog.Int("AWS_MAX_ATTEMPTS", c.AWS.MaxAttempts),
		slog.String("AWS_CA_BUNDLE", c.AWS.CABundle),
		slog.String("AWS_LAMBDA_INITIALIZATION_TYPE", c.Lambda.InitializationType),
	}
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func sinkName(a Access) string {
	switch {
	case !a.CloudWatch:
		return "stdout"
	case !a.Stdout:
		return "cloudwatch"
	}
	return "both"
}

func levelName(level slog.Level) string {
	if level == LevelNone {
		return "none"
	}
	return level.String()
}
