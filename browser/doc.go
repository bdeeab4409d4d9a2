// Package browser holds the tests of kvorum's two pages, the lab and the dashboard,
// in a real browser, and takes the pictures that the documents show. It is a module
// of its own, so that a program that imports kvorum does not depend on what drives
// a browser.
//
// The tests need Chromium, and are skipped where there is none.
package browser
