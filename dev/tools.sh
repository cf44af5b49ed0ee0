#!/bin/sh
# Installs what the tests run and a machine may lack: Debian packages where root may install them, and what npm brings
# below .dev. What cannot be installed is named, with the tests that are left out; with CI set that is a failure.
#
#   dev/tools.sh NPM-PACKAGE@VERSION...
set -eu

missing=0

# lacks TOOL TESTS: says which tests are left out for want of a tool.
lacks() {
  echo "no $1: $2 left out"
  missing=1
}

# debian ARGUMENTS...: installs packages as apt-get does with these arguments; fails where that is not allowed.
debian() {
  test -f /etc/debian_version && test "$(id -u)" = 0 || return 1
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

has() { command -v "$1" >/dev/null 2>&1; }

# room GB: on a full disk Go names each package that it could not write, and not the disk. A first run needs more.
room() {
  for place in "$(go env GOCACHE)" "${TMPDIR:-/tmp}"; do
    test -d "$place" || continue
    free=$(df -Pk "$place" | awk 'END { print int($4 / 1048576) }')
    test "$free" -ge "$1" && continue
    echo "$free GB are free in $place, and the tests need $1: free some, such as by go clean -cache"
    exit 1
  done
}

chromium() { has chromium || has chromium-browser || has google-chrome || debian chromium; }

# npm_packages NAME@VERSION...: each in the version that is named, below .dev/npm.
npm_packages() {
  if test "$(cat .dev/npm/installed 2>/dev/null)" = "$*"; then return; fi
  has npm || debian --no-install-recommends npm || return 1
  mkdir -p .dev/npm
  npm install --prefix .dev/npm --no-save --no-package-lock --no-audit --no-fund --silent "$@" &&
    echo "$*" >.dev/npm/installed
}

# postgres: without the cluster that Debian would start with the package. The tests start their own.
postgres() {
  if ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || has postgres; then return; fi
  debian --no-install-recommends postgresql-common || return 1
  sed -i 's/^#*create_main_cluster .*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf
  debian --no-install-recommends postgresql
}

# prometheus: unpacked and not installed, because Debian would start one with the package.
prometheus() {
  if test -x .dev/prometheus/usr/bin/promtool || has promtool; then return; fi
  test -f /etc/debian_version || return 1
  test "$(id -u)" != 0 || apt-get update -qq
  mkdir -p .dev/prometheus
  (cd .dev/prometheus && apt-get download -qq prometheus && dpkg -x prometheus_*.deb . && rm prometheus_*.deb)
}

room 5
chromium || lacks Chromium "the tests in a browser are"
npm_packages "$@" || lacks npm "ConnectFi's example for node is"
postgres || lacks PostgreSQL "the tests on it are"
prometheus || lacks Prometheus "its tests of the alert rules are"
has shellcheck || debian shellcheck || lacks shellcheck "the check of scripts is"
has curl || { echo "curl is missing: a test runs ConnectFi's own example with it" && exit 1; }
if test "$missing" = 1 && test -n "${CI:-}"; then
  echo "CI must not leave tests out"
  exit 1
fi
