package client

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// LoadTLS makes a configuration for [WithTLS] of files in PEM: the client's
// certificate and its private key, if the servers ask for one, and the authority
// that signed the servers' certificates. Without certFile there is none of the
// first kind; without caFile the system's authorities are trusted. An error
// names the file that cannot be used.
func LoadTLS(certFile, keyFile, caFile string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if certFile != "" {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, fmt.Errorf("load the TLS certificate %s with the key %s: %w", certFile, keyFile, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, fmt.Errorf("read the TLS authority: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("read the TLS authority: no certificate in %s", caFile)
		}
	}
	return config, nil
}
