# The same steps as `cargo xtask`, for those who have just.

default:
    @just --list

setup:
    cargo xtask setup

build:
    cargo xtask build

run *ARGS:
    cargo xtask run {{ARGS}}

test *FILTER:
    cargo xtask test {{FILTER}}

soak MINUTES="10":
    cargo xtask soak {{MINUTES}}

bench *NAMES:
    cargo xtask bench {{NAMES}}

ci:
    cargo xtask ci
