package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"kvorum/rpc/client"
	"kvorum/rpc/client/clienttest"
)

// certificate makes a certificate for an address, which is its own authority.
func certificate(t *testing.T, ip string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.ParseIP(ip)},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestACertificateMustBeForTheHostThatIsDialled(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]bool{"127.0.0.1": true, "127.0.0.2": false} {
		cert, pool := certificate(t, ip)
		creds := credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{cert}})
		c := clienttest.Start(t, 2, grpc.Creds(creds))
		cl, err := client.New(c.Addrs(), client.WithTLS(&tls.Config{RootCAs: pool}))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err = cl.Status(ctx, c.Addr(1)) // fails at once
		if got := err == nil; got != want {
			t.Errorf("certificate for %s at 127.0.0.1: accepted is %v, %v", ip, got, err)
		}
		if !want && !errors.Is(err, client.ErrNotSent) {
			t.Errorf("got %v, want ErrNotSent", err)
		}
	}
}
