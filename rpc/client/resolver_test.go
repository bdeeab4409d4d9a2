package client

import (
	"testing"

	kvorumv1 "kvorum/proto/kvorum/v1"
)

func viewOf(cluster string, term uint64, leader string, ids ...string) view {
	v := view{cluster: cluster, term: term}
	for _, id := range ids {
		v.servers = append(v.servers, &kvorumv1.Server{Id: id, IsLeader: id == leader})
	}
	return v
}

func TestOnlyAViewThatKnowsBetterIsBelieved(t *testing.T) {
	t.Parallel()
	led := viewOf("c", 5, "n1", "n1", "n2")
	for _, tt := range []struct {
		claim    string
		v, known view
		want     bool
	}{
		{"the first one is", viewOf("c", 1, "", "n1"), view{}, true},
		{"an empty one is not", view{cluster: "c", term: 9}, view{}, false},
		{"a later leader is", viewOf("c", 6, "n2", "n1", "n2"), led, true},
		{"the same leader's later word is", viewOf("c", 5, "n1", "n1", "n2", "n3"), led, true},
		{"a deposed leader is not", viewOf("c", 4, "n2", "n1", "n2"), led, false},
		{"a server without a leader is not, whatever its term", viewOf("c", 9, "", "n1", "n2"), led, false},
		{"any leader is, while none is known", viewOf("c", 4, "n1", "n1"), viewOf("c", 9, "", "n1"), true},
		{"another cluster never is", viewOf("d", 9, "n1", "n1"), led, false},
	} {
		if got := tt.v.supersedes(tt.known); got != tt.want {
			t.Errorf("%s: got %v", tt.claim, got)
		}
	}
}

func TestAddressesThatLeadNowhereAreNotDialled(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]bool{
		"10.0.0.1:8400": true, "[::1]:8400": true, "n1.example:8400": true,
		"0.0.0.0:8400": false, "[::]:8400": false, ":8400": false, "10.0.0.1": false, "": false,
	} {
		if got := dialable(addr); got != want {
			t.Errorf("%q: got %v, want %v", addr, got, want)
		}
	}
}
