#!/bin/sh
# Makes a component of a Go package: build.sh FOLDER -o COMPONENT.wasm
# `cargo xtask setup --guests go` installs Go and jco; a Go of your own, named by GO, will do if its version is 1.24 or later.
set -eu

usage() { echo "usage: build.sh FOLDER -o COMPONENT.wasm" >&2; exit 2; }

sdk=$(cd "$(dirname "$0")" && pwd)
tools=${OPENCLAW_TOOLS:-$sdk/../../target/tools}
go=${GO:-$tools/go/bin/go}
jco=$tools/js/node_modules/.bin/jco
for tool in "$go" "$jco"; do
    command -v "$tool" >/dev/null || { echo "error: \`$tool\` is missing: run \`cargo xtask setup --guests go\`" >&2; exit 1; }
done

folder= output=component.wasm
while [ $# -gt 0 ]; do
    case $1 in
        -o) [ $# -gt 1 ] || usage; output=$2; shift ;;
        -*) usage ;;
        *) [ -z "$folder" ] || usage; folder=$1 ;;
    esac
    shift
done
[ -n "$folder" ] || usage

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/wit/deps"
cp "$sdk/world.wit" "$work/wit/"
for package in "$sdk"/../../wit/*/ "$sdk"/../../wit/deps/*/; do
    case $package in */deps/) ;; *) cp -r "${package%/}" "$work/wit/deps/" ;; esac
done

# WASI's adapter shares the memory of the component, and takes two pages of it: one when it is set up, one when it is first called.
# Go's heap begins right after Go's data and takes whatever follows for its own. So the adapter is called first, and the heap
# begins after what it took. The runtime is not changed where it is installed, only for this build.
source=$("$go" env GOROOT)/src/runtime/os_wasm.go
sed -e 's/^\tinitBloc()$/\tvar early [2]size\n\targs_sizes_get(\&early[0], \&early[1])\n\tinitBloc()/' \
    -e 's/^\tblocMax = uintptr(currentMemory()).*/&\n\tbloc = blocMax/' "$source" > "$work/os_wasm.go"
[ "$(diff "$source" "$work/os_wasm.go" | grep -c '^>')" -eq 3 ] || {
    echo "error: the runtime of this version of Go is not the one that build.sh knows: use 1.27" >&2
    exit 1
}
printf '{"Replace": {"%s": "%s"}}\n' "$source" "$work/os_wasm.go" > "$work/overlay.json"

(cd "$folder" && GOOS=wasip1 GOARCH=wasm GOFLAGS= GOWORK=off GOTOOLCHAIN=local "$go" build -overlay "$work/overlay.json" \
    -buildmode=c-shared -trimpath -ldflags=-s -o "$work/core.wasm" .)
"$jco" embed "$work/core.wasm" --wit "$work/wit" -n component -o "$work/embedded.wasm" >/dev/null
"$jco" new "$work/embedded.wasm" --wasi-reactor -o "$work/component.wasm" >/dev/null
mv "$work/component.wasm" "$output"
echo "$output: $(wc -c < "$output") bytes"
