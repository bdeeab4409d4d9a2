#!/usr/bin/env bash
# Plays the same seeds here and as WebAssembly under Node.js: the digests of all
# that was observed must be equal.
set -euo pipefail
cd "$(dirname "$0")"

digests() { go test -count=1 -v -run 'TestDigests$' "$@" . | grep '^digest '; }

here=$(digests)
there=$(GOOS=js GOARCH=wasm digests -exec "$(go env GOROOT)/lib/wasm/go_js_wasm_exec")
if [ "$here" != "$there" ]; then
	diff <(echo "$here") <(echo "$there") || true
	echo "the digests differ"
	exit 1
fi
echo "$here"
echo "equal under WebAssembly: $(wc -l <<<"$here") runs"
