# make test is everything, and what CI runs.
CGO := $(shell command -v $${CC:-cc} gcc clang 2>/dev/null | head -n 1)
RACE := $(if $(CGO),-race,)

# What a machine may not have is behind a build tag: tests in a browser, on PostgreSQL, with Prometheus, and of ConnectFi's example for node.
BROWSER = $(if $(shell command -v chromium chromium-browser google-chrome 2>/dev/null),browser,)
NODE = $(if $(shell test -d .dev/npm/node_modules/axe-core && command -v node),node,)
POSTGRES = $(if $(shell ls /usr/lib/postgresql/*/bin/postgres 2>/dev/null || command -v postgres),postgres,)
PROMETHEUS = $(if $(wildcard .dev/prometheus/usr/bin/promtool)$(shell command -v promtool),prometheus,)
TAGS = -tags "$(BROWSER) $(NODE) $(POSTGRES) $(PROMETHEUS)"
NPM = axios@1.21.1 axe-core@4.14.1

.PHONY: test tools lint quick check root stack operators soak chaos bench scale fuzz audit mutate pictures build release reproducible dev compose

test: tools check root stack

# Missing tools are installed where that is allowed, and named where it is not.
tools:
	@dev/tools.sh $(NPM)

# Findings of the linters that .golangci.yml enables, and of shellcheck in every script.
GOLANGCI = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

lint:
	go run $(GOLANGCI) run ./...
	@command -v shellcheck >/dev/null || { echo "no shellcheck: scripts are not checked"; test -z "$$CI"; }
	@! command -v shellcheck >/dev/null || shellcheck -x -P SCRIPTDIR .ci/run deploy/proof/*.sh deploy/temporal/*.sh dev/*.sh

# Unit tests and lint of what changed since main, without a browser or a server, in under a minute.
SINCE = main
CHANGED = $(shell { git diff --diff-filter=d --name-only $(SINCE); git ls-files -o --exclude-standard; } 2>/dev/null | grep '\.go$$' | grep -v '^dev/' | xargs -r -n1 dirname | sort -u | sed 's|^|./|')

quick:
	@test -z "$$(gofmt -l .)" || { echo "not gofmt'ed:"; gofmt -l .; exit 1; }
	@test -z "$(CHANGED)" && echo "no package has changed since $(SINCE)" || { go vet $(CHANGED) && go test -short $(CHANGED) . && \
	  go run $(GOLANGCI) run $(CHANGED); }

check: lint
	@test -z "$$(gofmt -l .)" || { echo "not gofmt'ed:"; gofmt -l .; exit 1; }
	go vet ./...
	go run go.temporal.io/sdk/contrib/tools/workflowcheck@v0.6.0 ./workflows/...
	cd dev/lint && go vet ./... && go run . rules.yaml ../../webhook/server/openapi.yaml
	cd dev/lint/queries && go test . && go run . $(addprefix ../../../deploy/observability/,metrics.txt kyc.json alerts.yaml)
	cd dev/chart && go vet . && go test .
	cd dev/release && go vet . && go test -timeout 30m .

root:
	@test -n "$(RACE)" || echo "no C compiler: the race detector is left out"
	@test -n "$(RACE)" || test -z "$$CI" || { echo "CI must not leave the race detector out"; exit 1; }
	go test $(RACE) $(TAGS) ./...
	@test -z "$(RACE)" || go test ./internal/imagecheck ./records/exam # what the race detector would take minutes for

# The Temporal server is compiled once, so without the race detector. All of it on PostgreSQL: make stack ON="-postgres own"
stack:
	cd dev/stack && go vet $(TAGS) ./... && go test $(TAGS) -timeout 40m . $(ON) && go test -p 1 $(TAGS) -timeout 20m ./bench ./chaos ./pages

# Every button of Temporal's, in every stage and at every moment of it: docs/operators.md. CELLS=inreview
CELLS = .

operators:
	cd dev/stack && go test -timeout 20m -run 'TestOperators$$' . -cells '$(CELLS)'

# Everything that can happen, to real processes: docs/reliability.md. ARGS="--lost --postgres URL"
chaos:
	cd dev/stack && go run ./chaos --json ../../chaos.json $(ARGS)

# An hour of renewed certificates and tokens, ten minutes of it with a full bucket. FOR=5m
FOR = 1h

soak:
	cd dev/stack && go test -timeout 3h -run 'TestSoak$$' -v . -soak $(FOR)

# Ours beside the leanest workflow that could do the same, in turns: docs/performance.md. ARGS="--postgres URL"
bench:
	cd dev/stack && go run ./bench --json ../../bench.json $(ARGS)

# Ever more open cases: docs/performance.md. ARGS="--postgres URL --sizes 1000,10000"
scale:
	cd dev/stack && go run ./bench --json ../../scale.json scale $(ARGS)

# Every fuzz target for this long. What they found before runs with make test;
# what they find now lands in testdata/fuzz, to be fixed and committed.
FUZZTIME = 30s

fuzz:
	@grep -rHo --include=*_test.go '^func Fuzz[A-Za-z]*' . | while IFS=: read -r file name; do \
	  echo "$$(dirname $$file) $${name#func }"; \
	  go test -run '^$$' -fuzz "^$${name#func }\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s "$$(dirname $$file)" </dev/null || exit 1; \
	done

# Known vulnerabilities in what is linked, of every module: docs/security.md. It needs vuln.go.dev, or a copy: VULNDB=file:///…
audit:
	VULNDB="$(VULNDB)" dev/audit.sh

# Does a test fail where one operator is changed? docs/testing.md. PACKAGES=kyc ARGS="-only kyc/next.go:40"
PACKAGES = kyc connectfi activities workflows cases internal/encryption internal/linktoken

mutate:
	go run ./dev/mutate $(ARGS) $(PACKAGES)

# The documents' pictures, taken again.
pictures:
	cd dev/stack && go test $(TAGS) -run 'Shows|Refusal' -pictures .

# docker-compose.yml on this machine's Docker engine, without a registry if need be: docs/operations.md.
compose:
	deploy/proof/prove.sh

build:
	CGO_ENABLED=0 go build -trimpath -o bin/ ./worker ./webhook ./starter ./sandbox

# The files of a release, in dist: docs/operations.md, "Cutting a release". VERSION=1.4.0
release:
	cd dev/release && go run . -version "$(VERSION)"

# All programs twice, from two directories and two caches: the same bytes. make test does it with the smallest.
reproducible:
	cd dev/release && go test -count 1 -timeout 60m -run Reproducible -v . -everything

dev:
	go run ./dev
