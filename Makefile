# Two commands matter: `make run` and `make test`. Each installs what it needs (or says what to install).

SHELL := /bin/bash
.DEFAULT_GOAL := help

# Arguments of `reelpack serve` for `make run`.
SERVE ?= --listen 127.0.0.1:5000

.PHONY: help run build test torture fuzz bench table golden media fmt clean

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS=$$'\t' read -r name text; do \
	    printf '  make %-8s %s\n' "$$name" "$$text"; done

run: ## Install what is missing, build, start the server on http://127.0.0.1:5000
	@scripts/run.sh $(SERVE)

build: ## The page and the release binary: target/release/reelpack
	@scripts/setup.sh build
	@scripts/build.sh

test: ## All tests; ONLY=ingest|fragment|encrypt|dash|database|app runs one part
	@scripts/test.sh $(ONLY)

torture: ## Kills, lost leases, absent databases, an hour of ladder, in full sizes (an hour and more); PART=kill runs one part; writes docs/kill-matrix.md
	@scripts/torture.sh $(PART)

fuzz: ## The fuzzers, a minute each; fuzz/README.md says how to run one for longer
	@scripts/fuzz.sh

bench: ## Reelpack beside cp, ffmpeg and Shaka Packager (up to 12 GiB of disk, some minutes)
	@scripts/bench.sh

table: ## docs/support-table.md: every codec × scheme × layout, packaged, checked and played (some 15 minutes)
	@scripts/table.sh

golden: ## Rewrite the golden packages; look at the difference before committing it
	@scripts/setup.sh media
	@UPDATE_GOLDEN=1 cargo test --locked --package packager golden

media: ## The test media in testdata/generated
	@scripts/setup.sh media
	@scripts/make-media.sh

fmt: ## Format the Rust code
	@cargo fmt --all
	@cargo fmt --manifest-path fuzz/Cargo.toml

clean: ## Remove what was built, made and installed in this folder
	rm -rf target fuzz/target fuzz/corpus fuzz/artifacts web/dist web/node_modules e2e/node_modules e2e/artifacts testdata/generated
