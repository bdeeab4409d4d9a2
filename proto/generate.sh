#!/bin/sh
# Generates the Go code of every .proto file, beside it, with the tools that
# tools/go.mod pins. With --check it changes nothing, and fails if what is
# committed is not what the .proto files say.
set -eu
cd "$(dirname "$0")"

generate() { # into the folder $1
	go tool -modfile=../tools/go.mod buf generate --output "$1"
}

if [ "${1:-}" != --check ]; then
	generate .
	exit
fi

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
generate "$fresh"
for file in $(find . "$fresh" -name '*.pb.go' | sed "s|^$fresh|.|" | sort -u); do
	cmp -s "$file" "$fresh/$file" || { echo "proto/$file is out of date: run proto/generate.sh" >&2; exit 1; }
done
