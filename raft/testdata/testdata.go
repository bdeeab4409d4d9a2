// Package testdata holds the scripts beside it, for the programs that play them.
package testdata

import "embed"

// Scripts are the *.txt of this folder; package script says how they are written.
//
//go:embed *.txt
var Scripts embed.FS
