// This file holds the settings that the extension is run with: bounds so short that each of them strikes often.

package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"larder/extension/internal/awstest"
)

// settings are what the seed chose.
type settings struct {
	secretTTL    time.Duration
	parameterTTL time.Duration
	staleIfError time.Duration
	staleWait    time.Duration
	revalidate   time.Duration
	negativeTTL  time.Duration
	budget       time.Duration // of one upstream read, of either service
	batch        bool
}

func drawSettings(random *rand.Rand) settings {
	second := func(least, most int) time.Duration {
		return time.Duration(least+random.IntN(most-least+1)) * time.Second
	}
	return settings{
		secretTTL:    second(1, 3),
		parameterTTL: second(1, 3),
		staleIfError: second(3, 5),
		staleWait:    250 * time.Millisecond,
		revalidate:   second(0, 1),
		negativeTTL:  second(1, 2),
		budget:       1500*time.Millisecond + 500*time.Millisecond*time.Duration(random.IntN(3)),
		batch:        random.IntN(2) == 0,
	}
}

func (s settings) ttl(service awstest.Service) time.Duration {
	if service == awstest.SecretsManager {
		return s.secretTTL
	}
	return s.parameterTTL
}

// environ is the settings as the extension takes them.
func (s settings) environ() []string {
	seconds := func(d time.Duration) int { return int(d / time.Second) }
	return []string{
		fmt.Sprintf("SECRETS_MANAGER_TTL=%d", seconds(s.secretTTL)),
		fmt.Sprintf("SSM_PARAMETER_STORE_TTL=%d", seconds(s.parameterTTL)),
		fmt.Sprintf("SECRETS_MANAGER_TIMEOUT_MILLIS=%d", s.budget.Milliseconds()),
		fmt.Sprintf("SSM_PARAMETER_STORE_TIMEOUT_MILLIS=%d", s.budget.Milliseconds()),
		fmt.Sprintf("LARDER_STALE_IF_ERROR=%d", seconds(s.staleIfError)),
		fmt.Sprintf("LARDER_STALE_WAIT_MILLIS=%d", s.staleWait.Milliseconds()),
		fmt.Sprintf("LARDER_STALE_WHILE_REVALIDATE=%d", seconds(s.revalidate)),
		fmt.Sprintf("LARDER_NEGATIVE_TTL=%d", seconds(s.negativeTTL)),
		"LARDER_BATCH=" + s.onOff(),
	}
}

func (s settings) onOff() string {
	if s.batch {
		return "on"
	}
	return "off"
}

func (s settings) String() string {
	return fmt.Sprintf("TTL %v and %v, stale-if-error %v, stale-while-revalidate %v, negative TTL %v, budget %v, batch %s",
		s.secretTTL, s.parameterTTL, s.staleIfError, s.revalidate, s.negativeTTL, s.budget, s.onOff())
}
