#!/bin/sh
# Makes sure that the public images of docker-compose.yml and the Dockerfile are there, and says which are the real ones:
# those here already, those that can be pulled, and for the rest stand-ins under the very same names, labelled "simulator".
#
#   deploy/proof/standins.sh          prints a line for each image
#   deploy/proof/standins.sh remove   removes the stand-ins: nothing else should ever run on them
#
# A stand-in is made of what the image is made of, so it needs Go, and Debian's packages postgresql and busybox-static. It imitates
# what the image documents: files, user, entrypoint, variables. What it is made in stays in .dev/proof, for the next time. One that was
# made of other modules or by another recipe than the present ones is built again.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
made=$root/.dev/proof

tag() { sed -n "s|^ *image: \($1:[^ ]*\)\$|\1|p" "$root/docker-compose.yml" | sort -u; }
ingredients=$(cd "$root" && cat go.mod go.sum dev/stack/go.mod dev/stack/go.sum deploy/proof/*.Dockerfile deploy/proof/postgres-entrypoint.sh deploy/proof/standins.sh | sha256sum | cut -c 1-16)
golang=$(sed -n 's/^FROM \(golang:[^ ]*\) .*/\1/p' "$root/Dockerfile")

fail() {
	echo "standins.sh: $1" >&2
	exit 1
}

# layout NAME: an empty tree for an image, with busybox in it.
layout() {
	command -v busybox >/dev/null || fail "busybox is missing: apt-get install busybox-static"
	tree=$made/$1/root
	rm -rf "$tree"
	mkdir -p "$tree/bin" "$tree/etc/ssl/certs" "$tree/usr/local/bin"
	cp "$(command -v busybox)" "$tree/bin/busybox"
	cp /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
}

# libraries PROGRAM…: what they are linked with, at the same places in the tree.
libraries() {
	for program in "$@"; do
		ldd "$program" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do cp -L --parents "$library" "$tree"; done
	done
}

# program PACKAGE NAME: built in dev/stack, whose versions are the images'. What a main needs beyond what we embed is added to a
# copy of its go.mod.
program() {
	mkdir -p "$made/bin"
	cp "$root/dev/stack/go.mod" "$made/programs.mod"
	cp "$root/dev/stack/go.sum" "$made/programs.sum"
	(cd "$root/dev/stack" && go build -modfile="$made/programs.mod" -mod=mod -o "$made/bin/$2" "$1")
	cp "$made/bin/$2" "$3"
	libraries "$made/bin/$2"
}

module() { (cd "$root/dev/stack" && go list -m -f '{{.Dir}}' "$1"); }

postgres() {
	bin=$(find /usr/lib/postgresql -path "*/bin/postgres" -printf "%h\n" 2>/dev/null | sort -V | tail -n 1)
	[ -n "$bin" ] || fail "PostgreSQL is missing: apt-get install postgresql"
	layout postgres
	cp -L --parents "$bin/postgres" "$bin/initdb" "$bin/pg_ctl" "$bin/pg_isready" "$bin/psql" "$tree"
	# Without what compiles queries: it has the whole of LLVM behind it, and PostgreSQL does without it where it is not there.
	(cd / && find "${bin%/bin}/lib" -name '*.so' ! -name 'llvmjit*' -exec cp -L --parents {} "$tree" \;)
	libraries "$bin/postgres" "$bin/initdb" "$bin/pg_ctl" "$bin/pg_isready" "$bin/psql"
	version=$(basename "${bin%/bin}")
	cp -rL --parents "/usr/share/postgresql/$version" /usr/share/zoneinfo /usr/lib/locale/C.utf8 "$tree"
	install -m 755 "$here/postgres-entrypoint.sh" "$tree/usr/local/bin/docker-entrypoint.sh"
	build postgres "$1" --build-arg "BIN=$bin"
}

server() {
	layout server
	program go.temporal.io/server/cmd/server temporal-server "$tree/usr/local/bin/"
	mkdir -p "$tree/etc/temporal"
	install -m 755 "$(module go.temporal.io/server)/docker/scripts/sh/entrypoint.sh" "$tree/etc/temporal/"
	build server "$1"
}

admintools() {
	layout admin-tools
	program go.temporal.io/server/cmd/tools/sql temporal-sql-tool "$tree/usr/local/bin/"
	build admin-tools "$1"
}

ui() {
	layout ui
	mkdir -p "$tree/home/ui-server/config"
	program github.com/temporalio/ui-server/v2/cmd/server ui-server "$tree/home/ui-server/"
	beside=$(module github.com/temporalio/ui-server/v2)
	install -m 644 "$beside/config/docker.yaml" "$tree/home/ui-server/config/"
	install -m 755 "$beside/docker/start-ui-server.sh" "$tree/home/ui-server/"
	cp /bin/bash "$tree/bin/"
	libraries /bin/bash
	build ui "$1"
}

golang() {
	[ "$(go env GOVERSION)" = "go$(echo "$1" | grep -o '[0-9][0-9.]*' | head -n 1)" ] || fail "$1 needs that very Go here"
	layout golang
	(
		cd "$root"
		export CGO_ENABLED=0 GOFLAGS=-modcacherw GOMODCACHE="$made/modules"
		go mod download
		GOFLAGS="-modcacherw -trimpath" GOCACHE="$made/compiled" go build -buildvcs=false -ldflags "-s -w" -o /dev/null ./worker ./webhook ./starter ./sandbox
	)
	mkdir -p "$tree/root/.cache"
	cp -r "$(go env GOROOT)" "$tree/usr/local/go"
	cp -r "$made/modules/cache/download" "$tree/proxy"
	cp -r "$made/compiled" "$tree/root/.cache/go-build"
	build golang "$1"
}

# build NAME IMAGE [ARGUMENT…]
build() {
	name=$1 image=$2
	shift 2
	# The engine's own builder: it needs no plugin beside the client.
	DOCKER_BUILDKIT=0 docker build --quiet "$@" --label "made-of=$ingredients" --tag "$image" --file "$here/$name.Dockerfile" "$made/$name" >/dev/null 2>"$made/$name.log" ||
		fail "$image could not be built: $(cat "$made/$name.log")"
}

# label IMAGE NAME: of the real images none, and an error where there is no image.
label() { docker image inspect --format "{{index .Config.Labels \"$2\"}}" "$1" 2>/dev/null; }

# provide IMAGE MAKER
provide() {
	# shellcheck disable=SC2015 # whatever of it is not so, the stand-in is refused
	what=$(label "$1" standin) && { [ -z "$what" ] || [ "$(label "$1" made-of)" = "$ingredients" ]; } || {
		if docker pull --quiet "$1" >/dev/null 2>&1; then
			what=""
		else
			"$2" "$1"
			what=$(label "$1" standin)
		fi
	}
	echo "$1: ${what:-the real image}"
}

# remove also what was built from them: an image takes over the labels of the one that it is built from.
remove() {
	for image in $(docker image ls --filter label=standin --filter dangling=false --format '{{.Repository}}:{{.Tag}}'); do
		docker image rm --force "$image" >/dev/null
	done
	docker image prune --force --filter label=standin >/dev/null
}

case ${1:-} in
remove) remove ;;
'')
	mkdir -p "$made"
	provide "$(tag postgres)" postgres
	provide "$(tag temporalio/server)" server
	provide "$(tag temporalio/admin-tools)" admintools
	provide "$(tag temporalio/ui)" ui
	provide "$golang" golang
	;;
*) fail "usage: standins.sh [remove]" ;;
esac
