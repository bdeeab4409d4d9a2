package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"kvorum/rpc/client"
)

// certificate writes a self-signed certificate for loopback, its own authority,
// and its key, and returns the flags that name them.
func certificate(t *testing.T) (config, []string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "kvorum test"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	c := config{tlsCert: filepath.Join(folder, "cert.pem"), tlsKey: filepath.Join(folder, "key.pem")}
	c.tlsCA = c.tlsCert
	for path, block := range map[string]*pem.Block{
		c.tlsCert: {Type: "CERTIFICATE", Bytes: cert},
		c.tlsKey:  {Type: "PRIVATE KEY", Bytes: secret},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c, []string{"--tls-cert", c.tlsCert, "--tls-key", c.tlsKey, "--tls-ca", c.tlsCA}
}

func TestTLSIsMutualAndEverywhere(t *testing.T) {
	t.Parallel()
	settings, flags := certificate(t)
	n1 := serveOn(t, dir(t), "n1", append(flags, "--bootstrap")...)
	n2 := serveOn(t, dir(t), "n2", append(flags, "--join", n1.serfAddr)...)
	secrets, err := settings.readSecrets()
	if err != nil {
		t.Fatal(err)
	}
	with := clientOf(t, n1, client.WithTLS(secrets.config))
	eventually(t, "both servers are voters", func() bool { n, err := voters(with, n1); return err == nil && n == 2 })
	put(t, with, "key", "value")
	expect(t, with, "key", "value")
	eventually(t, "n2 is ready", n2.ready)

	stranger := secrets.config.Clone()
	stranger.Certificates = nil
	for name, c := range map[string]*client.Client{
		"no TLS":         clientOf(t, n1),
		"no certificate": clientOf(t, n1, client.WithTLS(stranger)),
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if _, err := c.Get(ctx, "key"); err == nil {
			t.Errorf("a client with %s was let in", name)
		}
		cancel()
	}
}
