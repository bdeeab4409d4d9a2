package client_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
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

func writePEM(t *testing.T, kind string, der []byte) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestLoadedTLSConvincesAServerThatAsksForACertificate(t *testing.T) {
	t.Parallel()
	cert, pool := certificate(t, "127.0.0.1")
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile := writePEM(t, "CERTIFICATE", cert.Certificate[0]), writePEM(t, "PRIVATE KEY", key)
	c := clienttest.Start(t, 1, grpc.Creds(credentials.NewTLS(&tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	})))
	for _, files := range [][3]string{{certFile, keyFile, certFile}, {"", "", certFile}} {
		config, err := client.LoadTLS(files[0], files[1], files[2])
		if err != nil {
			t.Fatal(err)
		}
		cl, err := client.New(c.Addrs(), client.WithTLS(config))
		if err != nil {
			t.Fatal(err)
		}
		defer cl.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if _, err = cl.Status(ctx, c.Addr(0)); (err == nil) != (files[0] != "") {
			t.Errorf("with certificate %q: %v", files[0], err)
		}
	}
}

func TestLoadTLSNamesTheFileThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	bad := writePEM(t, "NOTHING", []byte("nothing"))
	for _, files := range [][3]string{{bad, bad, ""}, {"", "", bad}, {"", "", bad + ".none"}} {
		if _, err := client.LoadTLS(files[0], files[1], files[2]); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%q: got %v", files, err)
		}
	}
}
