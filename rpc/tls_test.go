package rpc

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc/credentials"

	"kvorum/raft"
)

// newAuthority returns a function that makes mutual TLS credentials of one new
// certificate authority, for a server on the loopback address.
func newAuthority(t *testing.T) func() credentials.TransportCredentials {
	t.Helper()
	root := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	rootKey, rootDER := sign(t, root, root, nil)
	root, err := x509.ParseCertificate(rootDER)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return func() credentials.TransportCredentials {
		leaf := &x509.Certificate{SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
		key, der := sign(t, leaf, root, rootKey)
		return credentials.NewTLS(&tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
			RootCAs:      pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
		})
	}
}

// sign returns a new key and its certificate, signed by parent, or if that has no
// key by itself.
func sign(t *testing.T, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if parentKey == nil {
		parentKey = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, der
}

func TestPeersWithoutTheRightCertificateAreNotHeard(t *testing.T) {
	t.Parallel()
	ours := newAuthority(t)
	a := newSecureEndpoint(t, "a", testCluster, nil, ours())
	friend := newSecureEndpoint(t, "b", testCluster, nil, ours())
	plain := newEndpoint(t, "c", testCluster, nil)
	stranger := newSecureEndpoint(t, "d", testCluster, nil, newAuthority(t)())
	for _, e := range []*endpoint{plain, stranger} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if who, err := e.identify(ctx, a.addr); err == nil {
			t.Errorf("%s was told that %v is there", e.id, who)
		}
		cancel()
		e.SetAddress(a.id, a.addr)
		e.Send(raft.Message{From: e.id, To: a.id, Term: 1, Body: raft.TimeoutNow{}})
	}
	friend.SetAddress(a.id, a.addr)
	friend.Send(raft.Message{From: friend.id, To: a.id, Term: 1, Body: raft.TimeoutNow{}})
	if got := a.receive(t); got.From != friend.id {
		t.Errorf("got a message from %s", got.From)
	}
}
