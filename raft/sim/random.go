package sim

import (
	"math/bits"
	"math/rand/v2"
	"time"
)

// Each purpose draws from its own stream, so that leaving out an action changes
// what follows from it, and nothing else. Action n draws from forActions+n.
const (
	forMix = iota
	forServers
	forNetwork
	forDisks
	forMachines
	forClients
	forPhases
	forActions = 1 << 32
)

func stream(seed, purpose uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, purpose)) }

func oneOf[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// chance is true in perMille of a thousand cases.
func chance(r *rand.Rand, perMille int) bool { return perMille > 0 && r.IntN(1000) < perMille }

// around draws from an exponential distribution: mostly short, at times long.
// It is made of integers, with straight lines between the powers of two, so that
// it is the same on every machine.
func around(r *rand.Rand, mean time.Duration) time.Duration {
	u := r.Uint64()
	halvings := bits.LeadingZeros64(u | 1)
	fraction := 0xffff - (u<<(halvings+1))>>48
	const perMean = 94548 // 2^16 / ln 2
	return mean * time.Duration(halvings<<16+int(fraction)) / perMean
}
