// Package proto holds the wire contracts: kvorum/v1 is what clients may rely
// on, kvorum/peer/v1 is between servers only.
package proto

//go:generate ./generate.sh
