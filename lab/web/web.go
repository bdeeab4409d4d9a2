// Package web embeds the lab's page.
package web

import "embed"

// Files are the page's, except for what is in the folder common.
//
//go:embed *.html *.css *.mjs *.svg *.LICENSE
var Files embed.FS
