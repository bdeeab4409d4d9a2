package discovery

import (
	"math/rand/v2"
	"net"
	"testing"
)

// Every kind of message that memberlist and Serf know, followed by nonsense:
// half of it random, half of it what msgpack takes for maps, arrays and long
// strings. None of it may stop the server or invent a member.
func TestMalformedGossipIsSurvived(t *testing.T) {
	t.Parallel()
	a := start(t, Config{Self: self("n01")})
	random := rand.New(rand.NewPCG(1, 2))
	msgpack := []byte{0x81, 0x82, 0x8f, 0x90, 0x9f, 0xa4, 0xbf, 0xc0, 0xc4, 0xc6, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xff}
	for kind := range 256 {
		for range 20 {
			packet := make([]byte, 2+random.IntN(1200))
			for i := range packet {
				packet[i] = byte(random.Uint32())
				if random.IntN(2) == 0 {
					packet[i] = msgpack[random.IntN(len(msgpack))]
				}
			}
			packet[0] = byte(kind)
			if random.IntN(2) == 0 {
				packet[0], packet[1] = 8, byte(kind) // a message for Serf, within one for memberlist
			}
			send(t, "udp", a.Addr(), packet)
		}
		send(t, "tcp", a.Addr(), append([]byte{byte(kind)}, msgpack...))
	}
	b := start(t, Config{Self: self("n02"), Join: []string{a.Addr()}})
	eventually(t, "n01 still meets others", func() bool { return a.sees(idOf("n02"), Alive) && b.sees(idOf("n01"), Alive) })
	if n := len(a.All()); n != 2 {
		t.Errorf("got %+v, want two members", a.All())
	}
}

func TestNoiseOnThePortIsSurvived(t *testing.T) {
	t.Parallel()
	a := start(t, Config{Self: self("n01")})
	random := rand.New(rand.NewPCG(3, 4))
	noise := make([]byte, 60000)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	for n := 1; n < len(noise); n *= 3 {
		send(t, "udp", a.Addr(), noise[:n])
		send(t, "tcp", a.Addr(), noise[:n])
	}
	b := start(t, Config{Self: self("n02"), Join: []string{a.Addr()}})
	eventually(t, "n01 still meets others", func() bool { return b.sees(idOf("n01"), Alive) && a.sees(idOf("n02"), Alive) })
}

// send writes bytes to a port and hangs up. The other side may do so first.
func send(t *testing.T, network, addr string, packet []byte) {
	t.Helper()
	conn, err := net.Dial(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = conn.Write(packet)
	_ = conn.Close()
}
