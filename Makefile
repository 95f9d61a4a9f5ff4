# Two commands are all a newcomer needs: `make run` shows Regards at work, `make test` proves it.
# Exactly two flag sets compile anything: debug (tests, demo) and static release (package, benchmarks).

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# An import without a declared dependency is an error: the layers of docs/architecture.md are law.
SWIFT_BUILD := swift build --explicit-target-dependency-import-check error
# The dependencies' checkouts are made under the folder's own name: git would look for them in the folder where it runs.
RESOLVE := swift package resolve --scratch-path "$(CURDIR)/.build/static" >/dev/null
# By this name every process of a build finds this folder, wherever it lies: the paths of the dependencies' sources get into
# the program, and `make check-long` wants the same bytes everywhere.
RELEASE := -c release --static-swift-stdlib --scratch-path /proc/self/cwd/.build/static
BUILT := .build/static/release

.PHONY: help run build test test-swift test-agreement test-kill test-package test-system check check-long release deb bench clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 18

run: build ## show a shop of 250 customers being greeted (writes .eml files, mails nobody)
	@.build/debug/regards demo

build: ## build for development
	@scripts/install-deps build
	@$(SWIFT_BUILD) --product regards

test: test-swift test-package test-system ## pass every test, the booted systemd included

test-swift: ## the tests that need no other machine
	@scripts/install-deps test
	@scripts/check-warnings $(SWIFT_BUILD) --build-tests
	@scripts/run-tests --skip RealTimeTests --skip RestartTests
	@scripts/run-tests --no-parallel --filter 'RealTimeTests|RestartTests'
	@scripts/check-layers

test-agreement: ## compare with Python for 10,000 customers and two years
	@scripts/install-deps build
	@$(RESOLVE)
	@$(SWIFT_BUILD) $(RELEASE) --product AgreementTest
	@Tests/Agreement/agree $(BUILT)/AgreementTest

test-kill: ## kill and stop the daemon 1,200 times, start it on a million rows, lock its ledger
	@scripts/install-deps test
	@scripts/check-warnings $(SWIFT_BUILD) --build-tests
	@REGARDS_KILLS=1000 REGARDS_STOPS=200 scripts/run-tests --filter KillTests
	@REGARDS_ROWS=1000000 scripts/run-tests --filter RestartTests
	@REGARDS_LOCK=60 scripts/run-tests --no-parallel --filter RealTimeTests

test-package: deb ## lintian, completions, manual pages and permissions of the package
	@scripts/install-deps test
	@Tests/Package/run

test-system: deb ## install the package in a booted Debian 12, then 13, and use it there
	@scripts/install-deps test
	@Tests/System/run --suite bookworm
	@Tests/System/run --suite trixie

check: ## style of code, scripts, manual pages and unit, without building
	@scripts/check-style

check-long: deb ## build the package a second time, elsewhere: it must be the same, byte for byte
	@scripts/install-deps deb
	@packaging/check-reproducible

release: ## build what ships: optimised, with the Swift runtime inside
	@scripts/install-deps build
	@$(RESOLVE)
	@scripts/check-warnings $(SWIFT_BUILD) $(RELEASE) --product regards

deb: release ## make the Debian package in .build/deb/
	@scripts/install-deps deb
	@packaging/make-deb

bench: ## measure; prints tables
	@scripts/install-deps bench
	@$(RESOLVE)
	@$(SWIFT_BUILD) $(RELEASE) --product regards
	@for name in CalendarBenchmarks TriggerBenchmarks PlanningBenchmarks OutboxBenchmarks DeliveryBenchmarks; do \
	  $(SWIFT_BUILD) $(RELEASE) --product $$name && $(BUILT)/$$name; done
	@Benchmarks/Forecast/measure $(BUILT)/regards
	@Benchmarks/Hostile/measure $(BUILT)/regards

clean: ## remove what was built, the demo and the caches
	rm -rf .build regards-demo
	rm -rf .cache 2>/dev/null || sudo rm -rf .cache    # the booted systems' trees are root's
