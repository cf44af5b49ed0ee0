#!/bin/sh
# What the official image's entrypoint is documented to do, as far as docker-compose.yml leans on it: an empty volume becomes a
# cluster whose superuser is POSTGRES_USER, with POSTGRES_PASSWORD and a database of the user's name; then the server starts.
# It runs as the user that starts it, and prepares on the socket only.
set -eu

prepare() {
	: "${POSTGRES_PASSWORD:?superuser password is not specified}"
	user=${POSTGRES_USER:-postgres}
	database=${POSTGRES_DB:-$user}
	chmod 700 "$PGDATA"
	printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
	initdb --username="$user" --pwfile=/tmp/password
	rm /tmp/password
	printf 'host all all all scram-sha-256\n' >>"$PGDATA/pg_hba.conf"
	pg_ctl --pgdata="$PGDATA" --options="-c listen_addresses=''" --wait start
	psql --username="$user" --dbname=postgres --command="CREATE DATABASE \"$database\""
	pg_ctl --pgdata="$PGDATA" --mode=fast --wait stop
}

if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
	prepare
fi
exec "$@"
