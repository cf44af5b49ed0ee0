#!/bin/sh
# Proves docker-compose.yml and the Dockerfile as they lie here, on the Docker engine of this machine: from nothing to two decided
# cases; a restart of each container, with one more case after each and one open across all of them; down and up again with the
# cases still there; and everything gone at the end.
#
# Takes docker compose where it is there and docker-compose 1.29 otherwise; COMPOSE names another. Images that cannot be pulled are
# stood in for (standins.sh says which), and are removed with everything else: KEEP=1 leaves the images.
# A project and a tag of its own, so it touches no volume and no image of yours; the ports are those of the stack.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
export COMPOSE_PROJECT_NAME=kyc-proof KYC_VERSION=proof
made=.dev/proof
log=$made/log
begun=$(date +%s)

say() { printf '%4d s  %s\n' $(($(date +%s) - begun)) "$1"; }

fail() {
	say "FAILED: $1" >&2
	exit 1
}

compose() { $COMPOSE --profile sandbox "$@"; }
container() { compose ps -aq "$1"; }
# shellcheck disable=SC2086 # COMPOSE may have several words
starter() { timeout 180 $COMPOSE --profile sandbox run --rm --no-deps -T demo "$@" </dev/null 2>>"$log"; }
sandbox() { curl --fail --silent --show-error --max-time 10 "http://127.0.0.1:8090/sandbox/$1" --header 'Content-Type: application/json' --data "$2"; }
field() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }

clear_away() {
	code=$?
	trap - EXIT
	if [ "$code" -ne 0 ]; then
		compose ps || true
		compose logs --tail 15 >&2 || true
	fi
	compose down --volumes --remove-orphans --timeout 10 >>"$log" 2>&1 || code=1
	if [ -z "${KEEP:-}" ]; then
		docker image ls --quiet --filter reference='durable-kyc/*:proof' | sort -u | xargs -r docker image rm --force >>"$log" 2>&1 || code=1
		"$here/standins.sh" remove || code=1
	fi
	exit "$code"
}

# nothing_left: no container, volume or network of the project's is on the engine.
nothing_left() {
	mine=label=com.docker.compose.project=$COMPOSE_PROJECT_NAME
	[ -z "$(docker ps -aq --filter "$mine")$(docker volume ls -q --filter "$mine")$(docker network ls -q --filter "$mine")" ]
}

up() {
	compose up --detach "$@" >>"$log" 2>&1 || fail "the stack does not come up: $log"
	code=$(timeout 240 docker wait "$(container demo)") || fail "the demo does not end"
	docker logs "$(container demo)" 2>&1 | sed 's/^/        /'
	[ "$code" = 0 ] || fail "the demo ended with $code"
}

# healthy SERVICE: within two minutes, by its own check.
healthy() {
	tries=120
	until [ "$(docker inspect --format '{{.State.Health.Status}}' "$(container "$1")")" = healthy ]; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || fail "$1 is not healthy"
		sleep 1
	done
}

customer() { sandbox customers "{\"type\":\"individual\",\"scenario\":\"$1\",\"count\":1}" | grep -o 'cs[a-z]*_[0-9A-Za-z]*'; }

# one_more REFERENCE: a customer the sandbox never saw, from the start to a decision.
one_more() {
	starter start --customer "$(customer approve)" --reference "$1" --wait >>"$log" || fail "$1 is not approved"
	approved="$approved $1"
}

# by_the_api REFERENCE: the same, begun the way that a backend begins it, with the token of the keys job.
by_the_api() {
	token=$(docker cp "$(container webhook):/keys/api_tokens" - | tar -xO)
	curl --fail --silent --show-error --max-time 20 http://127.0.0.1:8080/akepa/identification --header 'Content-Type: application/json' \
		--header "x-connectfi-token: $token" >>"$log" \
		--data "{\"customerId\":\"$(customer approve)\",\"reference\":\"$1\",\"webhookUrl\":\"https://example.com/$1\"}" || fail "the API does not take $1"
	starter watch "$1" >>"$log" || fail "$1 is not approved"
	approved="$approved $1"
}

accepted() { curl --fail --silent --show-error --max-time 10 http://127.0.0.1:8081/metrics | sed -n 's/^kyc_callbacks_total{result="accepted"} //p'; }

# decide REFERENCE: what ConnectFi's reviewer would. The callback has to come in: without one the case would find out, too, by asking.
decide() {
	application=$(starter --json show "$1" | field applicationId)
	before=$(accepted)
	sandbox "applications/$application/review" '{"outcome":"approved"}' >>"$log"
	starter watch "$1" >>"$log" || fail "$1 is not approved"
	[ "$(accepted)" -gt "$before" ] || fail "$1 did not hear of its decision by callback"
	approved="$approved $1"
}

docker info >/dev/null 2>&1 || fail "no Docker engine answers: start one, or set DOCKER_HOST"
if [ -z "${COMPOSE:-}" ]; then
	COMPOSE="docker-compose"
	docker compose version >/dev/null 2>&1 && COMPOSE="docker compose"
fi
mkdir -p "$made"
: >"$log"
trap clear_away EXIT
trap 'exit 130' INT TERM
say "$($COMPOSE version | head -n 1), Docker engine $(docker version --format '{{.Server.Version}}')"
compose down --volumes --remove-orphans >>"$log" 2>&1
nothing_left || fail "something of an earlier run is left"
"$here/standins.sh" | sed 's/^/        /'
say "the images are there"

approved="extRefApp100 extRefBApp100"
compose build >>"$log" 2>&1 || fail "our images do not build: $log"
say "our images are built"
up --build
say "up from nothing: two cases decided"

starter start --customer "$(customer review)" --reference open >>"$log" || fail "the case in review does not start"
# The sandbox forgets its applications, so it is the last, after the open case's decision.
for service in $(compose config --services); do
	[ "$service" != sandbox ] || continue
	id=$(container "$service")
	[ -n "$id" ] || continue # of another profile: 1.29 lists those as well
	[ "$(docker inspect --format '{{.State.Running}}' "$id")" = true ] || continue
	docker restart --time 30 "$id" >/dev/null
	healthy "$service"
	one_more "after$service"
	say "$service restarted: one more case decided"
done
by_the_api bytheapi
say "a case came in by the API and is decided"
decide open
say "the case that was open meanwhile heard of its decision"
docker restart --time 30 "$(container sandbox)" >/dev/null
healthy sandbox
one_more aftersandbox
say "sandbox restarted: one more case decided"

compose down >>"$log" 2>&1
up
for reference in $approved; do
	[ "$(starter --json show "$reference" | field outcome)" = approved ] || fail "$reference is not what it was"
done
say "down and up again: all cases are there:$(printf ' %s' "$approved")"

compose down --volumes >>"$log" 2>&1
nothing_left || fail "something is left on the engine"
say "proven, and nothing is left"
