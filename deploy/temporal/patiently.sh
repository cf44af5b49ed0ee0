# shellcheck shell=sh
# Sourced by the script beside it; defines one word and runs nothing.
#
#   patiently "what is awaited, in words" command argument…
#
# runs the command until it succeeds: at most TRIES times (default 30), PAUSE seconds (default 2) apart. A job that gives up
# says so in one sentence and fails, so that whatever depends on it does not start.
patiently() {
	awaited=$1
	shift
	try=1
	until "$@"; do
		if [ "$try" -ge "${TRIES:-30}" ]; then
			echo "gave up after $try tries: $awaited" >&2
			return 1
		fi
		try=$((try + 1))
		sleep "${PAUSE:-2}"
	done
}
