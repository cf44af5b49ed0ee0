# make test is everything, and what CI runs.
CGO := $(shell command -v $${CC:-cc} gcc clang 2>/dev/null | head -n 1)
RACE := $(if $(CGO),-race,)

.PHONY: test check root stack build dev

test: check root stack

check:
	@test -z "$$(gofmt -l .)" || { echo "not gofmt'ed:"; gofmt -l .; exit 1; }
	go vet ./...
	go run go.temporal.io/sdk/contrib/tools/workflowcheck@v0.6.0 ./workflows/...

root:
	@test -n "$(RACE)" || echo "no C compiler: the race detector is left out"
	@test -n "$(RACE)" || test -z "$$CI" || { echo "CI must not leave the race detector out"; exit 1; }
	go test $(RACE) ./...

# The Temporal server is compiled once, so without the race detector.
stack:
	cd dev/stack && go vet ./... && go test ./...

build:
	CGO_ENABLED=0 go build -trimpath -o bin/ ./worker ./webhook ./starter ./sandbox

dev:
	go run ./dev
