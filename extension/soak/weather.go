// This file holds the kinds of weather, and makes them at the pretended AWS.

package main

import "larder/extension/internal/awstest"

// weather is what AWS is like.
type weather int

const (
	healthy weather = iota
	hang
	reset
	cut
	throttled
	internalError
	unavailable
	expiredToken
	slow
	rateLimited
	dropped // the connections are gone once, and all is well after it
	mixed   // another fault for each name
	weathers
)

var weatherNames = [weathers]string{"healthy", "hang", "reset", "cut", "throttled", "500", "503", "expired token",
	"slow", "rate limit", "dropped connections", "mixed"}

func (w weather) String() string { return weatherNames[w] }

// faulty says that every call that is struck fails, and always in a way that may pass.
func (w weather) faulty() bool { return w >= hang && w <= expiredToken }

// breaks says that a connection breaks by it, after which a probe is made twice.
func (w weather) breaks() bool { return w == reset || w == cut }

func badWeathers() []weather { return kinds(hang, weathers-1) }

func faultyWeathers() []weather { return kinds(hang, expiredToken) }

func kinds(first, last weather) []weather {
	var all []weather
	for w := first; w <= last; w++ {
		all = append(all, w)
	}
	return all
}

func (w weather) fault() awstest.Fault {
	switch w {
	case hang:
		return awstest.Hang()
	case reset:
		return awstest.Reset()
	case cut:
		return awstest.Cut()
	case throttled:
		return awstest.Throttled()
	case internalError:
		return awstest.InternalError()
	case unavailable:
		return awstest.Unavailable()
	}
	return awstest.ExpiredToken()
}

// begin changes the weather. Calls that are under way keep the one that they came in with.
func (p phase) begin(aws *awstest.Server, names []*name) {
	aws.Faults.Clear()
	for _, service := range []awstest.Service{awstest.SecretsManager, awstest.ParameterStore} {
		aws.Faults.SetRate(service, 0)
	}
	for _, operation := range []awstest.Operation{
		awstest.GetSecretValue, awstest.BatchGetSecretValue, awstest.GetParameter, awstest.GetParameters,
	} {
		if service := operation.Service(); p.strikes(service) {
			aws.Faults.SetLatency(operation, p.latency)
			aws.Faults.SetRate(service, p.rate)
			if p.weather.faulty() {
				aws.Faults.Add(awstest.Rule{Operation: operation, Fault: p.weather.fault()})
			}
		} else {
			aws.Faults.SetLatency(operation, calmLatency)
		}
	}
	switch p.weather {
	case dropped:
		aws.DropConnections()
	case mixed:
		for i, n := range names {
			if p.strikes(n.service) && i%2 == 0 { // the others are well
				aws.Faults.Add(awstest.Rule{Name: n.text, Fault: p.faults[i].fault()})
			}
		}
	}
}
