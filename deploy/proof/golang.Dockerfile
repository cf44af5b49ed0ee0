# Stands in for golang:…-alpine: this machine's Go of that version on busybox, with the modules of go.mod in a proxy on its disk,
# and with what they compile to, or each build would take minutes.
FROM scratch
COPY root/ /
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN printf 'root:x:0:0::/root:/bin/sh\n' >/etc/passwd && printf 'root:x:0:\n' >/etc/group \
 && mkdir -p /go /tmp && chmod 1777 /tmp
ENV PATH=/go/bin:/usr/local/go/bin:/bin GOPATH=/go GOTOOLCHAIN=local GOPROXY=file:///proxy GOSUMDB=off
WORKDIR /go
LABEL standin="this machine's Go, on busybox, with a proxy of modules on its disk"
