# Larder. `make help` lists the targets.

include scripts/pins/versions

SHELL       := /usr/bin/env bash
MAKEFLAGS   += --no-builtin-rules
.DELETE_ON_ERROR:
# Each target keeps all cores busy by itself, and tests that share a machine with others time out.
.NOTPARALLEL:
.DEFAULT_GOAL := help

# Every go command here runs the pinned version, which an older or newer Go fetches by itself.
export GOTOOLCHAIN := go$(GO_VERSION)

# The name the extension's executable has in the layer, which is the name it registers under.
NAME ?= larder
# Lambda's names of the architectures, and Go's.
ARCHITECTURES   := x86_64 arm64
goarch_x86_64   := amd64
goarch_arm64    := arm64
host            := $(subst aarch64,arm64,$(shell uname -m))

FUZZ_TIME ?= 5m
SOAK_TIME ?= 60s
SOAK_SEED ?=

go_sources := go.mod go.sum $(shell find extension -name '*.go' ! -name '*_test.go')
layers     := $(ARCHITECTURES:%=build/$(NAME)-%.zip)
host_layer := build/$(NAME)-$(host).zip

.PHONY: help build layer demo test test-go test-fuzz test-e2e test-layer test-stack lint bench bench-newest soak fuzz verify size reproduce release publish clean FORCE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: $(ARCHITECTURES:%=build/%/larder) ## build the executable for both architectures

layer: $(layers) ## build the layer zips; NAME=... names the executable inside

demo: $(host_layer) ## play Lambda to the built layer and show what happens
	go run ./extension/demo -layer $(host_layer)

test: test-go test-fuzz test-e2e test-layer test-stack ## run every test: Go with the race detector, fuzzing, end to end, the stack

test-go: ## run the Go tests with the race detector
	scripts/test-go

test-fuzz: ## run each fuzz target on a few thousand inputs
	scripts/fuzz 5000x # a time would end some runs in the middle of an input, which go counts as a failure

test-e2e: $(layers) build/sample-go/bootstrap ## run the layer under AWS's Runtime Interface Emulator
	$(MAKE) layer NAME=AWSParametersAndSecretsLambdaExtension
	scripts/test-e2e

test-layer: $(layers) ## publish the built layers to a pretended AWS, and check the workflows
	scripts/test-layer

test-stack: build/$(host)/larder ## check the sample's stack: template, roles, rotation, filters, queries
	scripts/test-stack

lint: ## run gofmt, vet, staticcheck, shellcheck, actionlint and ruff
	scripts/lint

bench: $(host_layer) ## measure the built layer against a bare Go server
	go run ./extension/bench -layer $(host_layer)

soak: $(host_layer) ## read under faults for SOAK_TIME (default 60s) and check every answer; SOAK_SEED=... repeats a run
	go run ./extension/soak -layer $(host_layer) -time $(SOAK_TIME) $(SOAK_SEED:%=-seed %)

bench-newest: ## the same for a layer with the newest versions of the modules that go.mod pins back
	scripts/build-newest $(goarch_$(host)) build/newest/larder
	go run ./layer/pack -executable build/newest/larder -name larder -architecture $(host) -out build/newest/larder.zip
	go run ./extension/bench -layer build/newest/larder.zip

fuzz: ## run each fuzz target for FUZZ_TIME (default 5m)
	scripts/fuzz $(FUZZ_TIME)

verify: $(layers) ## check the layer zips as a user would, and against the size gate
	for architecture in $(ARCHITECTURES); do scripts/verify build/$(NAME)-$$architecture.zip -name $(NAME) || exit; done

size: $(layers) ## make the sizes of the layer zips the size gate's, which is a change to be reviewed
	for architecture in $(ARCHITECTURES); do scripts/verify build/$(NAME)-$$architecture.zip -name $(NAME) -record || exit; done

reproduce: $(layers) ## build the layers a second time, elsewhere, and compare
	scripts/reproduce

release: $(layers) ## make what a release consists of in build/release: zips, SBOMs, checksums
	scripts/release

publish: $(if $(FROM),,$(layers)) ## print the calls that publish the layers in REGIONS="..."; PUBLISH=yes makes them
	scripts/publish $(or $(FROM),build)

clean: ## remove what was built
	rm -rf build

# The version is a file, touched only when it changes, so that a new commit alone rebuilds the executable.
build/version: FORCE
	@mkdir -p build
	@scripts/version | cmp -s - $@ || scripts/version > $@

$(ARCHITECTURES:%=build/%/larder): build/%/larder: $(go_sources) build/version scripts/build scripts/pins/versions
	scripts/build $(goarch_$*) "$$(cat build/version)" $@

$(layers): build/$(NAME)-%.zip: build/%/larder $(wildcard layer/pack/*.go)
	go run ./layer/pack -executable $< -name $(NAME) -architecture $* -out $@

build/sample-go/bootstrap: $(wildcard sample-function/go/go.* sample-function/go/*.go)
	CGO_ENABLED=0 go -C sample-function/go build -trimpath -buildvcs=false -o $(CURDIR)/$@ .
