// Package cloudwatch delivers the access record's lines to a log group of CloudWatch Logs by API calls, beside or
// instead of standard output.
//
// It holds the queue of lines, the calls with their limits, and the retries. It must not know what is in a line.
package cloudwatch

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Config says where lines go.
type Config struct {
	// Group is the log group. It is made if it is missing and the role may do so.
	Group string
	// Stream begins the log stream's name, to which a random part is added.
	Stream string
	Region string
	// Endpoint is CloudWatch Logs' URL.
	Endpoint    string
	Credentials aws.CredentialsProvider
	// Refused is told when AWS does not take the credentials of a call, with the time at which it began, and says whether
	// the next call is signed with others; nil for no.
	Refused func(begin time.Time) bool
	// RootCAs replaces the system's authorities; nil for these.
	RootCAs *x509.CertPool
	// Changed is told when lines cannot be delivered any more, with the error's code, and with an empty one when they
	// can be again; nil ignores it.
	Changed func(operation, code string)
}

const (
	// gathering is how long the first line waits for others.
	gathering    = time.Second
	firstBackoff = 200 * time.Millisecond
	// longestBackoff is also that after a refusal, which somebody has to do something about.
	longestBackoff = 30 * time.Second
	// probeTime bounds an attempt after one that failed.
	probeTime = time.Second
	// lastTime is for what is left when Run ends.
	lastTime = 400 * time.Millisecond
)

// Delivery takes lines without ever waiting, and delivers them from one goroutine, [Delivery.Run]. A line is delivered
// once, unless an answer of CloudWatch was lost. While CloudWatch takes none, the oldest lines are dropped when four
// megabytes wait, and the next call says how many.
type Delivery struct {
	config  Config
	client  *client
	wake    chan struct{} // a line came
	full    chan struct{} // many have come
	flushes chan chan struct{}

	mu     sync.Mutex
	queue  queue
	stream string    // empty until it is made
	retry  time.Time // when the next attempt is due, if the last call failed; else zero

	// Used by Run alone.
	pending  []event // taken from the queue and not delivered yet
	failures int     // in a row
	told     string  // the code that was told last; empty when all is well
}

// New returns a delivery; nothing is sent before Run.
func New(cfg Config) *Delivery {
	return &Delivery{
		config: cfg,
		client: &client{
			region: cfg.Region, endpoint: cfg.Endpoint, credentials: cfg.Credentials,
			http: newHTTPClient(cfg.RootCAs), signer: v4.NewSigner(),
		},
		wake:    make(chan struct{}, 1),
		full:    make(chan struct{}, 1),
		flushes: make(chan chan struct{}),
	}
}

// Add takes one whole line with its newline.
func (d *Delivery) Add(at time.Time, line []byte) {
	d.mu.Lock()
	d.queue.add(at, line)
	wake := d.wake
	if d.queue.bytes >= manyQueued {
		wake = d.full
	}
	d.mu.Unlock()
	select {
	case wake <- struct{}{}:
	default:
	}
}

// Restart begins another stream, as after a snapshot was restored: its clones would share one.
func (d *Delivery) Restart() {
	d.mu.Lock()
	d.stream = ""
	d.mu.Unlock()
	d.client.http.CloseIdleConnections() // to the other end of which nobody listens any more
}

// Run delivers lines until ctx is done, and then for a moment what is left.
func (d *Delivery) Run(ctx context.Context) {
	calls, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(lastTime, cancel) })()
	timer := time.NewTimer(gathering)
	defer timer.Stop()
	set := true
	for {
		select {
		case <-ctx.Done():
			d.last(calls)
			return
		case done := <-d.flushes:
			d.deliver(calls)
			close(done)
		case <-timer.C:
			set = false
			d.deliver(calls)
		case <-d.full:
			if d.failures > 0 { // the timer is set for the next attempt
				continue
			}
			d.deliver(calls)
		case <-d.wake:
			if !set {
				timer.Reset(gathering)
				set = true
			}
			continue
		}
		if d.failures > 0 {
			timer.Reset(max(time.Until(d.due()), 0))
			set = true
		}
	}
}

// last delivers what is left, and tries again until its time is over.
func (d *Delivery) last(ctx context.Context) {
	for {
		before := d.failures
		d.deliver(ctx)
		if d.failures == 0 || d.failures == before {
			return
		}
		select {
		case <-time.After(firstBackoff / 2):
		case <-ctx.Done():
			return
		}
	}
}

// Flush returns when every line so far is delivered, or ctx is done. For a CloudWatch that takes none it waits only when
// an attempt is due or under way: one that a freeze cuts off would fail, and the next one, too.
func (d *Delivery) Flush(ctx context.Context) {
	if time.Now().Before(d.due()) {
		return
	}
	done := make(chan struct{})
	select {
	case d.flushes <- done:
	case <-ctx.Done():
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// deliver sends all that waits, until a call fails.
func (d *Delivery) deliver(ctx context.Context) {
	for ctx.Err() == nil {
		if len(d.pending) == 0 {
			if d.pending = d.take(); len(d.pending) == 0 {
				return
			}
		}
		begin := time.Now()
		err := d.try(ctx)
		if unauthenticated(err) && d.config.Refused != nil && d.config.Refused(begin) {
			err = d.try(ctx)
		}
		if err != nil {
			d.failed(err)
			return
		}
		d.pending = nil
		d.succeeded()
	}
}

// try is put, in less time while CloudWatch takes nothing: an invocation may wait for it.
func (d *Delivery) try(ctx context.Context) error {
	if d.failures > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, probeTime)
		defer cancel()
	}
	return d.put(ctx)
}

// take gets what the next call delivers. A line before that tells of dropped ones.
func (d *Delivery) take() []event {
	d.mu.Lock()
	defer d.mu.Unlock()
	events := d.queue.take()
	if dropped := d.queue.dropped; dropped > 0 && len(events) > 0 {
		d.queue.dropped = 0
		events = slices.Insert(events, 0, event{events[0].Timestamp, droppedLine(events[0].Timestamp, dropped)})
	}
	return events
}

func droppedLine(at int64, dropped int) string {
	return fmt.Sprintf(`{"timestamp":%q,"level":"WARN","type":"larder.dropped","dropped":%d,`+
		`"message":"CloudWatch Logs did not take the lines: so many were dropped"}`,
		time.UnixMilli(at).UTC().Format("2006-01-02T15:04:05.000Z"), dropped)
}

// put delivers what is pending, and makes the stream before if there is none.
func (d *Delivery) put(ctx context.Context) error {
	stream, err := d.openStream(ctx)
	if err != nil {
		return err
	}
	rejected, err := d.client.putLogEvents(ctx, d.config.Group, stream, d.pending)
	switch codeOfError(err) {
	case "ResourceNotFoundException": // somebody has removed it since
		d.Restart()
		return err
	case "DataAlreadyAcceptedException":
		return nil
	case "InvalidParameterException": // never to be taken; to be dropped
		d.drop(len(d.pending))
		d.pending = nil
		return err
	}
	if err == nil {
		d.drop(rejected.count(len(d.pending)))
	}
	return err
}

// drop counts lines that CloudWatch refused for good.
func (d *Delivery) drop(lines int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queue.dropped += lines
}

// openStream returns the stream's name, after having made it, and the group if it may.
func (d *Delivery) openStream(ctx context.Context) (string, error) {
	d.mu.Lock()
	stream := d.stream
	d.mu.Unlock()
	if stream != "" {
		return stream, nil
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // it never fails
	stream = d.config.Stream + "/" + hex.EncodeToString(random[:])
	err := d.client.createLogStream(ctx, d.config.Group, stream)
	if codeOfError(err) == "ResourceNotFoundException" {
		if err = d.client.createLogGroup(ctx, d.config.Group); err == nil || codeOfError(err) == "ResourceAlreadyExistsException" {
			err = d.client.createLogStream(ctx, d.config.Group, stream)
		}
	}
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stream = stream
	return stream, nil
}

func (d *Delivery) succeeded() {
	d.failures = 0
	d.setDue(time.Time{})
	d.tell("", "")
}

func (d *Delivery) failed(err error) {
	d.failures++
	wait := longestBackoff
	if doubled := d.failures - 1; doubled < 7 && !refused(err) {
		wait = firstBackoff << doubled
	}
	d.setDue(time.Now().Add(wait/2 + time.Duration(mathrand.Int64N(int64(wait/2)))))
	if d.told == "" || refused(err) { // what somebody has to do something about is told, whatever was told before
		d.tell(operationOf(err), codeOfError(err))
	}
}

func (d *Delivery) due() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.retry
}

func (d *Delivery) setDue(at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.retry = at
}

// tell tells a change, once.
func (d *Delivery) tell(operation, code string) {
	if code == d.told {
		return
	}
	d.told = code
	if d.config.Changed != nil {
		d.config.Changed(operation, code)
	}
}

// refused says that the same call will not go better before somebody has done something.
func refused(err error) bool {
	var failed *apiError
	return errors.As(err, &failed) && failed.status >= http.StatusBadRequest && failed.status < http.StatusInternalServerError &&
		failed.status != http.StatusTooManyRequests && failed.code != "ThrottlingException" && failed.code != "ResourceNotFoundException" &&
		failed.code != "OperationAbortedException" // others make the group at the same time
}

// unauthenticated says that AWS does not take the credentials, or takes them no more.
func unauthenticated(err error) bool {
	switch codeOfError(err) {
	case "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "InvalidSignatureException",
		"UnrecognizedClientException":
		return true
	}
	return false
}

func codeOfError(err error) string {
	var failed *apiError
	if errors.As(err, &failed) {
		return failed.code
	}
	return ""
}

func operationOf(err error) string {
	var failed *apiError
	if errors.As(err, &failed) {
		return failed.operation
	}
	return ""
}
