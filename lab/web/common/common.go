// Package common holds what the pages of the lab and of the dashboard share:
// colours, type, and a few lines to make elements with.
package common

import "embed"

// Files are the style sheets and modules, to be served as they are.
//
//go:embed *.css *.mjs
var Files embed.FS
