# The four programs as static binaries, each in an image of its own that holds nothing else: no shell, no package manager.
#
#   docker build --target worker --build-arg VERSION=1.2.3 -t durable-kyc-worker .
#
# Pinned by tag here; pin the digest too when a release is cut (golang:…@sha256:…).
FROM golang:1.26.8-alpine3.24 AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOFLAGS=-trimpath GOTOOLCHAIN=local
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN go build -buildvcs=false -ldflags "-s -w -X durablekyc.example/internal/telemetry.Version=${VERSION}" \
    -o /out/bin/ ./worker ./webhook ./starter ./sandbox
# A new named volume takes over the owner of the directory it covers, which is how a program that is not root comes to own one.
RUN mkdir -p /out/keys /out/documents /out/records \
 && echo 'kyc:x:65532:65532::/:/sbin/nologin' >/out/passwd \
 && echo 'kyc:x:65532:' >/out/group

FROM scratch AS base
COPY --from=build /out/passwd /out/group /etc/
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build --chown=65532:65532 /out/keys /keys
COPY --from=build --chown=65532:65532 /out/documents /documents
COPY --from=build --chown=65532:65532 /out/records /records
USER 65532:65532

FROM base AS worker
COPY --from=build /out/bin/worker /worker
ENTRYPOINT ["/worker"]

FROM base AS webhook
COPY --from=build /out/bin/webhook /webhook
ENTRYPOINT ["/webhook"]

FROM base AS starter
COPY --from=build /out/bin/starter /starter
ENTRYPOINT ["/starter"]

FROM base AS sandbox
COPY --from=build /out/bin/sandbox /sandbox
ENTRYPOINT ["/sandbox"]
