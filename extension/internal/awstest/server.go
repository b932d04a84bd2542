// Package awstest is a fake of the parts of AWS that are read for secrets and
// parameters: GetSecretValue and BatchGetSecretValue of Secrets Manager,
// GetParameter and GetParameters of Systems Manager, the endpoint from which
// containers get their credentials, and the calls of CloudWatch Logs that
// deliver lines.
//
// It speaks AWS's JSON 1.1 protocol over real listeners on 127.0.0.1, with the
// statuses, headers and sentences of the services, so that what is tested can be
// pointed at it by AWS_ENDPOINT_URL alone. A test, a demonstration or a
// benchmark fills the stores, lets calls be slow, fail or hang while all is
// running, and reads from the counts what was asked of AWS and how.
//
// The stores hold pretended secrets only. The package must not import any other
// package of this module.
package awstest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Options say which account is played. The zero value is account 123456789012
// in eu-west-1, without TLS.
type Options struct {
	Region    string // where values are put that name no region; empty: eu-west-1
	AccountID string // empty: 123456789012
	Role      string // the role that refusals name; empty: function-role

	// TLS serves HTTPS with a certificate of its own: see Server.Certificate.
	TLS bool

	// ErrorTypeInHeader names an error in the X-Amzn-Errortype header instead of
	// the body's __type. Clients have to understand both (Smithy's awsJson1_1);
	// the two services of today write __type.
	ErrorTypeInHeader bool

	// Address is what to listen on. Empty: a free port of 127.0.0.1.
	Address string

	// Now is the clock of the rate limit and of the dates of new values. Nil:
	// time.Now.
	Now func() time.Time
}

// Server is one running fake. Its fields and methods may be used from any
// goroutine.
type Server struct {
	Secrets     *Secrets
	Parameters  *Parameters
	Logs        *Logs
	Faults      *Faults
	Counts      *Counts
	Credentials *Credentials

	options     Options
	certificate []byte
	listener    net.Listener
	server      *http.Server
}

// Start listens and serves until Close.
func Start(options Options) (*Server, error) {
	options = options.filledIn()
	listener, err := net.Listen("tcp", options.Address)
	if err != nil {
		return nil, fmt.Errorf("listening for calls of AWS: %w", err)
	}
	account := account{id: options.AccountID, region: options.Region, role: options.Role}
	secrets := newSecrets(account, options.Now)
	s := &Server{
		Secrets:    secrets,
		Parameters: newParameters(account, options.Now, secrets),
		Logs:       newLogs(account, options.Now),
		Faults:     newFaults(options.Now),
		Counts:     newCounts(),
		options:    options,
		listener:   listener,
	}
	if s.Credentials, err = startCredentials(); err != nil {
		listener.Close()
		return nil, err
	}
	s.server = &http.Server{
		Handler:   http.HandlerFunc(s.serve),
		ConnState: s.Counts.connState,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connectionKey{}, c)
		},
		ErrorLog: discardLog(),
	}
	served := listener
	if options.TLS {
		certificate, encoded, err := newCertificate()
		if err != nil {
			listener.Close()
			s.Credentials.close()
			return nil, err
		}
		s.certificate = encoded
		served = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{certificate}})
	}
	go s.server.Serve(served) // It returns when Close is called, and only then.
	return s, nil
}

// Close ends every call that is being held and stops listening. A second Close
// does nothing.
func (s *Server) Close() {
	s.listener.Close() // The server closes it too, but only once Serve has got that far.
	s.server.Close()
	s.Credentials.close()
}

// URL is the endpoint, as it belongs into AWS_ENDPOINT_URL.
func (s *Server) URL() string {
	if s.options.TLS {
		return "https://" + s.listener.Addr().String()
	}
	return "http://" + s.listener.Addr().String()
}

// Environ is the environment that points an AWS client at this fake: endpoint,
// region and the access keys that Lambda would give a function. With TLS the
// caller adds AWS_CA_BUNDLE, after having written Certificate to a file.
func (s *Server) Environ() []string {
	keys := s.Credentials.Keys()
	return []string{
		"AWS_ENDPOINT_URL=" + s.URL(),
		"AWS_REGION=" + s.options.Region,
		"AWS_ACCESS_KEY_ID=" + keys.AccessKeyID,
		"AWS_SECRET_ACCESS_KEY=" + keys.SecretAccessKey,
		"AWS_SESSION_TOKEN=" + keys.SessionToken,
	}
}

// DropConnections resets every connection that is open now, as a freeze of the
// environment does to idle ones. What comes next has to connect anew.
func (s *Server) DropConnections() { s.Counts.resetAll() }

func (o Options) filledIn() Options {
	if o.Region == "" {
		o.Region = "eu-west-1"
	}
	if o.AccountID == "" {
		o.AccountID = "123456789012"
	}
	if o.Role == "" {
		o.Role = "function-role"
	}
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
