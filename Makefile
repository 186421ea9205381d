# make help lists everything.

export CGO_ENABLED := 0
GO ?= go
BIN := bin
comma := ,
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: build
build: ## build bin/slipway
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/slipway ./cmd/slipway

.PHONY: demo
demo: ## a cluster, a GitHub and a pull request on this machine, to play with (SCRIPT=1: told unattended)
	@$(GO) run ./fixtures/demo $(if $(SCRIPT),-script)

.PHONY: test
test: lint cluster ## everything that must pass: lint, house rules, tests, race detector
	@.ci/stage "tests" $(GO) test -timeout 2h -coverprofile=coverage.out -coverpkg=./app/...,./cmd/...,./handlers/...,./policy/...,./preview/...,./render/... ./...
	@$(GO) tool cover -func=coverage.out | tail -n 1
	@.ci/stage "race detector" env CGO_ENABLED=1 $(GO) test -timeout 2h -race ./app/queue/... ./handlers/... ./deploy/...

.PHONY: lint
lint: ## go vet, staticcheck, gofmt
	@.ci/stage "gofmt" sh -c 'test -z "$$(gofmt -l $$(git ls-files "*.go"))" || { gofmt -l $$(git ls-files "*.go"); exit 1; }'
	@.ci/stage "go vet" $(GO) vet ./...
	@.ci/stage "staticcheck" $(GO) tool staticcheck ./...

.PHONY: cluster
cluster: ## build the control plane that tests and demo use (about 10 minutes, once)
	@.ci/stage "control plane" $(GO) run ./fixtures/cluster/build

.PHONY: bench
bench: ## benchmarks with rivals in the same run, ratios printed
	@$(GO) run ./fixtures/bench

.PHONY: chaos
chaos: ## kill slipway again and again while GitHub misbehaves (KILLS=200 PULLS=200 SEED=0 DATABASES=sqlite,postgres)
	@$(GO) run ./fixtures/chaos -kills $(or $(KILLS),200) -pulls $(or $(PULLS),200) -seed $(or $(SEED),0) -databases $(or $(DATABASES),sqlite$(comma)postgres)

.PHONY: soak
soak: ## a steady load for half an hour, and what it costs in memory, goroutines and files (DURATION=30m)
	@$(GO) run ./fixtures/chaos -soak $(or $(DURATION),30m)

.PHONY: golden
golden: ## write the golden files anew; review them as text that people will read
	$(GO) test ./handlers/... ./policy/... ./render/... ./fixtures/scenarios -update

.PHONY: schema
schema: ## print the JSON Schema of .slipway.yaml
	@$(GO) run ./cmd/slipway config schema

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BIN) .cache coverage.out
