#!/bin/sh
# Makes a component of C: build.sh FILE.c… -o COMPONENT.wasm
# Zig compiles it and brings its C library, jco makes the component; `cargo xtask setup --guests c` installs both.
set -eu

sdk=$(cd "$(dirname "$0")" && pwd)
tools=${OPENCLAW_TOOLS:-$sdk/../../target/tools}
python=$tools/c/bin/python
jco=$tools/js/node_modules/.bin/jco
for tool in "$python" "$jco"; do
    [ -x "$tool" ] || { echo "error: \`$tool\` is missing: run \`cargo xtask setup --guests c\`" >&2; exit 1; }
done

sources= output=component.wasm
while [ $# -gt 0 ]; do
    case $1 in
        -o) output=$2; shift ;;
        -*) echo "usage: build.sh FILE.c… -o COMPONENT.wasm" >&2; exit 2 ;;
        *) sources="$sources $1" ;;
    esac
    shift
done
[ -n "$sources" ] || { echo "usage: build.sh FILE.c… -o COMPONENT.wasm" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/wit/deps"
cp "$sdk/world.wit" "$work/wit/"
for package in "$sdk"/../../wit/*/ "$sdk"/../../wit/deps/*/; do
    case $package in */deps/) ;; *) cp -r "${package%/}" "$work/wit/deps/" ;; esac
done

# shellcheck disable=SC2086 # file names of C sources have no spaces
"$python" -m ziglang cc --target=wasm32-wasi -mexec-model=reactor -std=c11 -Os -s -Wall -Wextra -Werror \
    -Wl,-z,stack-size=131072 -I "$sdk" -o "$work/core.wasm" "$sdk/openclaw.c" "$sdk/services.c" $sources
"$jco" embed "$work/core.wasm" --wit "$work/wit" -n component -o "$work/embedded.wasm" >/dev/null
"$jco" new "$work/embedded.wasm" --wasi-reactor -o "$work/component.wasm" >/dev/null
mv "$work/component.wasm" "$output"
echo "$output: $(wc -c < "$output") bytes"
