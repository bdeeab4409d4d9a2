package main

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"os"

	"google.golang.org/grpc/credentials"
)

func (c *config) level() (level slog.Level, err error) {
	return level, level.UnmarshalText([]byte(c.logLevel))
}

// logger writes to w as the flags say.
func (c *config) logger(w io.Writer) *slog.Logger {
	level, _ := c.level() // validated
	options := &slog.HandlerOptions{Level: level}
	if c.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// secrets are for mutual TLS; nil means none.
type secrets struct{ config *tls.Config }

// readSecrets reads the files named by the --tls flags. The same certificate is
// shown to clients and to peers, and both must show one of the same authority.
func (c *config) readSecrets() (*secrets, error) {
	if c.tlsCert == "" {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(c.tlsCert, c.tlsKey)
	if err != nil {
		return nil, usagef("--tls-cert, --tls-key: %w", err)
	}
	text, err := os.ReadFile(c.tlsCA)
	if err != nil {
		return nil, usagef("--tls-ca: %w", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(text) {
		return nil, usagef("--tls-ca: %s holds no certificate", c.tlsCA)
	}
	return &secrets{&tls.Config{
		Certificates: []tls.Certificate{certificate},
		RootCAs:      authorities,
		ClientCAs:    authorities,
		ClientAuth:   tls.RequireAndVerifyClientCert,
		MinVersion:   tls.VersionTLS13,
	}}, nil
}

// credentials returns nil if there is no TLS.
func (s *secrets) credentials() credentials.TransportCredentials {
	if s == nil {
		return nil
	}
	return credentials.NewTLS(s.config.Clone())
}
