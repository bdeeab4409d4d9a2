package lab

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestALinkHoldsARun(t *testing.T) {
	t.Parallel()
	for _, r := range []Run{
		{}, {Seed: 18446744073709551615, Servers: 7, Chaos: true, Short: true, Drop: []int{1, 20, 3}, Mutation: "half-is-a-quorum"},
		{Seed: 1, Clients: true, Do: []Action{{120, "crash n1"}, {180, "set x a&b=c;d%20 at n2"}, {181, "cut n1->n2"}, {200, "set ü €"}}},
		{Scenario: "figure8", Do: []Action{{3, "crash S1"}}},
	} {
		link := r.Link(7)
		got, at, err := ParseLink(link)
		if err != nil || at != 7 || !reflect.DeepEqual(got, r) {
			t.Errorf("%s: got %+v at %d, %v; want %+v", link, got, at, err, r)
		}
	}
}

// What is wrong with a link is said of the part in which it is.
func TestMistakesInLinksAreNamed(t *testing.T) {
	t.Parallel()
	for link, want := range map[string]string{
		"%":                            `the link says "%": that means nothing`,
		"seed=1&colour=red":            `the link says "colour=red": that means nothing`,
		"foo=bar":                      `the link says "foo=bar": that means nothing`,
		"seed=x":                       `the link says "seed=x": that is no number from 0 on`,
		"seed=":                        `the link says "seed=": that is no number from 0 on`,
		"seed=18446744073709551616":    `the link says "seed=18446744073709551616": that is too large`,
		"servers=8":                    "8 servers: from 1 to 7 can be played",
		"servers=99":                   "99 servers: from 1 to 7 can be played",
		"drop=a":                       `the link says "drop=a": that is no number from 0 on`,
		"at=99999999999":               `the link says "at=99999999999": a run is played up to event 400000, and no further`,
		"at=99999999999999999999":      `the link says "at=99999999999999999999": a run is played up to event 400000, and no further`,
		"do=12":                        `the link says "do=12": an action is EVENT:COMMAND, and the next one follows a ;`,
		"do=":                          `the link says "do=": an action is`,
		"do=5:heal;5:heal":             `"heal" at event 5 is too early`,
		"do=9:heal;5:heal":             `"heal" at event 5 is too early`,
		"do=400000:heal":               `"heal" at event 400000: a run is played up to event 400000, and no further`,
		"do=x:heal":                    `the link says "do=x:heal": that is no number from 0 on`,
		"do=1:%zz":                     `the link says "do=1:%zz": a % is followed by two hexadecimal digits`,
		"do=10:set+x+100%":             `the link says "do=10:set+x+100%": a % is followed by two hexadecimal digits`,
		"mutation=%e2%82&scenario=a%4": `the link says "scenario=a%4": a % is followed by two hexadecimal digits`,
	} {
		if r, _, err := ParseLink(link); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s is %+v, %v; want %s", link, r, err, want)
		}
	}
}

func TestALinkThatWasEscapedOnItsWayIsUnderstood(t *testing.T) {
	t.Parallel()
	want := Run{Seed: 1, Servers: 5, Do: []Action{{100, "split n1 | n2"}, {120, "set x a:b;c"}}}
	for _, link := range []string{
		"seed=1&servers=5&at=200&do=100:split n1 | n2;120:set x a%3Ab%3Bc",
		"seed%3D1%26servers%3D5%26at%3D200%26do%3D100%3Asplit%2Bn1%2B%257C%2Bn2%3B120%3Aset%2Bx%2Ba%253Ab%253Bc",
		"#seed%3d1%26servers%3d5%26at%3d200%26do%3d100:split+n1+|+n2;120:set+x+a%253ab%253bc",
	} {
		if r, at, err := ParseLink(link); err != nil || at != 200 || !reflect.DeepEqual(r, want) {
			t.Errorf("%s is %+v at %d, %v", link, r, at, err)
		}
	}
	want.Do[1].Line = "crash n1"
	for _, link := range []string{
		"seed=1&servers=5&at=200&do=100%3Asplit+n1+%7C+n2%3B120%3Acrash+n1",
		"seed=1&servers=5&at=200&do=100%3asplit%20n1%20%7c%20n2%3b120%3acrash%20n1",
	} {
		if r, at, err := ParseLink(link); err != nil || at != 200 || !reflect.DeepEqual(r, want) {
			t.Errorf("%s is %+v at %d, %v", link, r, at, err)
		}
	}
}

// What a link asks for and cannot be done is said when its event comes, or would have.
func TestWhatALinkAsksForAndCannotBeDoneIsSaid(t *testing.T) {
	t.Parallel()
	for link, want := range map[string]string{
		"seed=1&at=200&do=100:crash+n9":              "`crash n9` at event 100 is left out: there is no server n9",
		"seed=1&at=200&do=100:dance;120:crash+n1":    "`dance` at event 100 is left out: there is no command \"dance\": `help` lists them",
		"seed=1&at=200&do=100:crash+n1;101:crash+n1": "`crash n1` at event 101 is left out: n1 is down already",
		"seed=1&at=99&do=100:crash+n9":               "",
		"seed=1&at=200&do=100:crash+n1":              "",
		"scenario=figure8&at=9999&do=1000:crash+S1":  "`crash S1` at event 1000 is left out: the run has ended at event ",
	} {
		var e Engine
		call := func(format string, args ...any) (a answer) {
			t.Helper()
			if err := json.Unmarshal([]byte(e.Call(fmt.Sprintf(format, args...))), &a); err != nil {
				t.Fatal(err)
			}
			return a
		}
		first := call(`{"call":"open","link":%q}`, link).Complaint
		if want == "" && first != "" || !strings.HasPrefix(first, want) {
			t.Errorf("%s: the complaint is %q", link, first)
		}
		if want != "" && strings.Contains(call(`{"call":"run"}`).Link, want[1:9]) {
			t.Errorf("%s: it is still %s", link, e.player.Link())
		}
		if again := call(`{"call":"seek","event":50}`).Complaint; again != "" {
			t.Errorf("%s: the complaint comes again: %q", link, again)
		}
	}
	p, err := NewPlayer(Run{Scenario: "figure8", Do: []Action{{1000, "crash S1"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Advance(2000); !strings.Contains(p.Complaint(), "the run has ended") || len(p.Run().Do) > 0 {
		t.Errorf("who plays to the end of %+v is told nothing", p.Run())
	}
}
