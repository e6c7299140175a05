#!/usr/bin/env bash
# Runs all tests of Wharf on this machine (root; Debian). Installs what they need. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 LC_ALL=C.UTF-8
. ./scripts/requirements.sh

require_root
require_dotnet
require_kernel
install_packages gcc libc6-dev zlib1g-dev libnftables1 busybox-static docker-registry tini iproute2 procps
require_docker_cli

passed=0 failed=0
count() { # count LOGFILE EXITCODE: adds up what a test executable says of itself
  local p f
  p=$(sed -n 's/.*[Ss]ucceeded: *\([0-9]*\).*/\1/p' "$1" | tail -1); f=$(sed -n 's/.*[Ff]ailed: *\([0-9]*\).*/\1/p' "$1" | tail -1)
  passed=$((passed + ${p:-0})); failed=$((failed + ${f:-0}))
  if [ "$2" -ne 0 ] && [ "${f:-0}" -eq 0 ]; then failed=$((failed + 1)); fi # it died before it could count
}
run() { # run NAME PROJECT ARGS...
  local name=$1 project=$2 log code; shift 2
  log=$(mktemp); echo "== $name"
  dotnet run --no-build --project "$project" -- --no-ansi --no-progress "$@" 2>&1 | tee "$log"; code=${PIPESTATUS[0]}
  count "$log" "$code"; rm -f "$log"
}

if dotnet build Wharf.slnx --nologo -v quiet && ./dev build; then
  run "unit tests" test/Wharf.Tests
  run "system tests" test/Wharf.SystemTests
else
  failed=1
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
