#!/bin/sh
# Creates the namespace and the search attributes the cases use. Safe to run again: what exists stays, the retention is set anew.
#
# Reads what the Temporal CLI itself reads: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE. KYC_RETENTION is how long a closed case can
# still be told from one that never was (the answer to a late callback), 30 days unless set.
set -eu
. "$(dirname "$0")/patiently.sh"

: "${TEMPORAL_ADDRESS:?TEMPORAL_ADDRESS is not set: the namespace job needs the address of the Temporal frontend}"
namespace=${TEMPORAL_NAMESPACE:-default}
retention=${KYC_RETENTION:-720h}

operator() {
	temporal operator "$@" --namespace "$namespace" --command-timeout 10s
}

# Describing first keeps a second run quiet; only its output is dropped, never that of create.
registered() {
	operator namespace describe >/dev/null 2>&1 || operator namespace create --retention "$retention"
}

# One call for all: the CLI refuses a name that exists with another type and leaves alone what is there already.
attributes() {
	operator search-attribute create \
		--name KycStage --type Keyword \
		--name KycWaitingOn --type Keyword \
		--name KycCustomerType --type Keyword \
		--name KycDeadline --type Datetime
}

patiently "Temporal at $TEMPORAL_ADDRESS is not healthy" \
	temporal operator cluster health --command-timeout 10s
patiently "namespace $namespace could not be created" registered
patiently "the retention of namespace $namespace could not be set to $retention" \
	operator namespace update --retention "$retention"
patiently "the search attributes of namespace $namespace could not be created" attributes
echo "namespace $namespace is ready"
