package kv

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
)

// commands is one of each kind, and each way a field can be.
var commands = []Command{
	Set{Key: "k", Value: []byte("v")},
	Set{Key: "", Value: nil, Once: &Once{Session: 1, Sequence: 2, FirstUnacked: 3}},
	Set{Key: "\xff\x00", Value: bytes.Repeat([]byte{0}, 300), Once: &Once{}},
	Delete{Key: "k"},
	Delete{Key: "k", Once: &Once{Session: 1, Sequence: 1 << 63}},
	CompareAndSet{Key: "k", Expected: Absent{}, Value: []byte("v")},
	CompareAndSet{Key: "k", Expected: HasValue("w"), Value: []byte("v"), Once: &Once{Session: 4, Sequence: 5}},
	CompareAndSet{Key: "k", Expected: AtRevision(7)},
	OpenSession{},
	CloseSession{Session: 9},
	PutServer{ID: "n1@5f3c9a0e11d2b4c7", Addr: "127.0.0.1:8400", StayLearner: true, Readmit: true},
	PutServer{},
	RemoveServer{ID: "n1@5f3c9a0e11d2b4c7"},
	Clock{UnixMilli: 1_700_000_000_000},
	Clock{UnixMilli: -1},
}

func TestCommandsAndTheirBytesAreOneToOne(t *testing.T) {
	t.Parallel()
	for _, c := range commands {
		b := Encode(c)
		got, err := Decode(b)
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%+v became %+v, %v", c, got, err)
		}
		for n := range b {
			if got, err := Decode(b[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("the first %d bytes of %+v became %+v, %v", n, c, got, err)
			}
		}
	}
}

func TestDecodedCommandsDoNotAliasTheirBytes(t *testing.T) {
	t.Parallel()
	for _, c := range commands {
		b := Encode(c)
		got, _ := Decode(b)
		clear(b)
		if !reflect.DeepEqual(got, c) {
			t.Errorf("%+v became %+v with its bytes", c, got)
		}
	}
}

func TestResultsAndTheirBytesAreOneToOne(t *testing.T) {
	t.Parallel()
	for _, r := range []Result{
		{}, {Status: SequenceStale}, {Revision: 1 << 40, Existed: true}, {Swapped: true, Value: []byte("v")},
	} {
		b := r.encode()
		if got, err := DecodeResult(b); err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("%+v became %+v, %v", r, got, err)
		}
		for n := range b {
			if got, err := DecodeResult(b[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("the first %d bytes of %+v became %+v, %v", n, r, got, err)
			}
		}
		b[0]++
		if _, err := DecodeResult(b); !errors.Is(err, ErrUnknown) {
			t.Errorf("a later version: got %v, want %v", err, ErrUnknown)
		}
	}
}

func TestValidateKey(t *testing.T) {
	t.Parallel()
	for key, valid := range map[string]bool{
		"":                                   false,
		"k":                                  true,
		"\x00":                               true,
		"𝄞":                                  true,
		"\xff":                               false,
		"\xed\xa0\x80":                       false, // a lone surrogate
		strings.Repeat("k", MaxKeyBytes):     true,
		strings.Repeat("k", MaxKeyBytes+1):   false,
		strings.Repeat("é", MaxKeyBytes/2+1): false, // bytes count, not characters
	} {
		if err := ValidateKey(key); (err == nil) != valid || (err != nil && !errors.Is(err, ErrInvalidKey)) {
			t.Errorf("%.20q of %d bytes: got %v, valid is %v", key, len(key), err, valid)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range commands {
		f.Add(Encode(c))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Decode(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnknown) {
				t.Fatalf("an error without a reason: %v", err)
			}
			return
		}
		if got := Encode(c); !bytes.Equal(got, b) {
			t.Errorf("%x is %+v, which is also %x", b, c, got)
		}
		newMachine(t).apply(c)
	})
}
