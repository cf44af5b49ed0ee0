#!/bin/sh
# Brings PostgreSQL to the schema of the Temporal release whose image this runs in. Safe to run again, and on an upgrade: what
# exists stays, only missing versions are applied. The schema is the one inside temporal-sql-tool, so it fits that release.
#
# Reads what temporal-sql-tool itself reads: SQL_PLUGIN, SQL_HOST, SQL_PORT, SQL_USER, SQL_PASSWORD. Never pass the password as
# an argument: arguments are visible to every process.
set -eu
. "$(dirname "$0")/patiently.sh"

: "${SQL_PASSWORD:?SQL_PASSWORD is not set: the schema job needs the password of PostgreSQL}"
: "${SQL_HOST:?SQL_HOST is not set: the schema job needs the host of PostgreSQL}"

# POSTGRES_PASSWORD counts once, when PostgreSQL makes its volume.
kept="the volume keeps the password it was made with: set TEMPORAL_DB_PASSWORD to that one, or change it there (docs/operations.md, \"The stack in containers\")"

prepare() {
	database=$1
	schema=$2
	patiently "database $database could not be created on $SQL_HOST; if the lines above say \"password authentication failed\", $kept" \
		temporal-sql-tool --database "$database" create-database
	# 0.0 is only written where no version is recorded yet.
	temporal-sql-tool --database "$database" setup-schema --version 0.0
	temporal-sql-tool --database "$database" update-schema --schema-name "$schema"
}

prepare "${DBNAME:-temporal}" postgresql/v12/temporal
prepare "${VISIBILITY_DBNAME:-temporal_visibility}" postgresql/v12/visibility
echo "the schema is up to date"
