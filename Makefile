# Two commands do everything: `make run` and `make test`. Both install what is missing, except the Rust toolchain.
.DEFAULT_GOAL := help
.PHONY: help run test check release console bench clean

export CARGO_TARGET_DIR ?= $(HOME)/.cache/bongsu/target
export BONGSU_TOOLS ?= $(HOME)/.cache/bongsu/tools
export PATH := $(BONGSU_TOOLS)/bin:$(BONGSU_TOOLS)/node_modules/node/bin:$(HOME)/.cargo/bin:$(PATH):/usr/sbin:/sbin

help:
	@echo "make run      build and start the demo city; prints the link to open"
	@echo "make test     every check and test: Rust, console, browser"
	@echo "make check    formatting, clippy, floors, tidiness"
	@echo "make release  optimised binaries in $(CARGO_TARGET_DIR)/release"
	@echo "make bench    speed, as ratios against peers"

run:
	@scripts/run

test:
	@scripts/test

check:
	@scripts/check --lint

release:
	@scripts/setup run
	@scripts/console-build
	cargo build --release -p bongsu
	RUSTFLAGS="-C target-feature=+crt-static" cargo build --release -p bongsu-agent --target x86_64-unknown-linux-gnu

console:
	@scripts/console-build

bench:
	cargo run --release -p xtask -- bench all

clean:
	cargo clean
	rm -rf console/dist console/node_modules
