# SPDX-License-Identifier: Apache-2.0
# The front door. Each target installs the packages it needs first (scripts/setup,
# as root; without root it says what is missing) and does nothing that is done.
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build
JOBS ?= $(shell nproc)
FUZZ_SECONDS ?= 60
SIM_SEEDS ?= 1-1000

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup build test sanitize lint fuzz sim bench demo install clean

help: ## what can be made (this list)
	@echo 'Tallystick: a licensing meter and audit ledger for virtual machines'
	@sed -n 's/^\([a-z]*\):[^#]*## /  make \1|/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'
	@echo
	@echo '  BUILD=build  JOBS=$(JOBS)  PREFIX=$(PREFIX)  DESTDIR=  FUZZ_SECONDS=$(FUZZ_SECONDS) (all targets together)  TARGETS= (make fuzz)'

setup: ## install every package that any target needs (as root)
	@scripts/setup

build: ## compile into build/
	@scripts/setup build
	@scripts/build '$(BUILD)' '$(JOBS)' --prefix='$(PREFIX)'

test: ## compile and run every test
	@scripts/setup build test demo
	@scripts/test '$(BUILD)' '$(JOBS)'

sanitize: ## the same with clang, AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/setup build test demo
	@CC=clang scripts/test '$(BUILD)-asan' '$(JOBS)' -Db_sanitize=address,undefined

lint: ## format, layers, headers, linking, shell, man pages, clang-tidy
	@scripts/setup build lint
	@scripts/build '$(BUILD)' '$(JOBS)'
	@scripts/lint '$(BUILD)' '$(JOBS)'

fuzz: ## every fuzz target for a share of FUZZ_SECONDS, or TARGETS='note yaml'
	@scripts/setup build test
	@scripts/fuzz '$(BUILD)-fuzz' '$(JOBS)' '$(FUZZ_SECONDS)' $(TARGETS)

sim: ## simulated histories with faults, SIM_SEEDS of them, against the truth
	@scripts/setup build test
	@scripts/build '$(BUILD)' '$(JOBS)'
	@'$(BUILD)/tests/sim/tally-sim' --file tests/sim/seeds.txt --seeds '$(SIM_SEEDS)' --jobs '$(JOBS)'

bench: ## append, verify, evidence, a slow TPM, report, a bundle, a whole estate and a month of it, each with its baseline in the same run
	@scripts/setup build bench
	@scripts/build '$(BUILD)' '$(JOBS)' --prefix='$(PREFIX)'
	@for kind in append verify evidence report month bundle; do '$(BUILD)/cli/tally' bench $$kind || exit 1; done
	@'$(BUILD)/tests/integration/slow_tpm' 500
	@python3 tests/bench/compare.py '$(BUILD)/cli/tally'

demo: ## two libvirt hosts, real guests, a live migration; meter, report, verify (as root)
	@scripts/setup build demo
	@ONLY='cli/tally agent/tallyd attest/tpm/tallyd-tpm' scripts/build '$(BUILD)' '$(JOBS)'
	@scripts/demo '$(BUILD)'

install: build ## into PREFIX (DESTDIR before it)
	@DESTDIR='$(DESTDIR)' meson install -C '$(BUILD)' --no-rebuild

clean: ## remove the build folders
	rm -rf '$(BUILD)' '$(BUILD)-asan' '$(BUILD)-fuzz'
