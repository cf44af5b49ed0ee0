#!/bin/sh
# Asks Go's vulnerability database about every module of this repository: make audit.
# Exit codes: 0 no known vulnerability is called, 1 at least one is, 2 at least one module was not checked.
# A database that cannot be reached is a 2 and no 0: an audit that did not happen must not look like one that passed.
set -u
cd "$(dirname "$0")/.." || exit 2
version=v1.9.0
tags=browser,node,postgres,prometheus
modules=${MODULES:-$(find . -name go.mod -not -path '*/.*/*' -exec dirname {} \; | sort)}

bin=$PWD/.dev/bin
GOBIN=$bin go install "golang.org/x/vuln/cmd/govulncheck@$version" || {
  echo "audit: govulncheck $version could not be installed, so nothing was checked" >&2
  exit 2
}
output=$(mktemp) && trap 'rm -f "$output"' EXIT
result=0
for module in $modules; do
  echo "== $module"
  # Tests are included: dev/stack is made of them.
  "$bin/govulncheck" -C "$module" ${VULNDB:+-db "$VULNDB"} -tags "$tags" -test ./... >"$output" 2>&1
  code=$?
  cat "$output"
  case $code in
  0) ;;
  3) test $result = 2 || result=1 ;;
  *)
    result=2
    # The second is what govulncheck says of a server that does not answer.
    if grep -q -e 'fetching vulnerabilities' -e 'unrecognized vulndb format' "$output"; then
      echo "audit: the vulnerability database ${VULNDB:-https://vuln.go.dev} cannot be reached, so nothing was checked" >&2
      exit 2
    fi
    ;;
  esac
done
case $result in
0) echo "audit: no known vulnerability is called" ;;
1) echo "audit: known vulnerabilities are called: see above" >&2 ;;
2) echo "audit: at least one module was not checked: see above" >&2 ;;
esac
exit $result
