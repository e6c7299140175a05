#!/usr/bin/env bash
# Runs all tests of Wharf on this machine (root; Debian). Installs what they need. The last line is "N passed, N failed".
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 LC_ALL=C.UTF-8
. ./scripts/requirements.sh

require_root
require_dotnet
require_kernel
install_packages gcc libc6-dev zlib1g-dev libnftables1 busybox-static docker-registry curl tini iproute2 procps
install_packages skopeo umoci apache2-utils rsync attr libcap2-bin btrfs-progs erofs-utils # image tests
install_packages linux-libc-dev binutils strace dbus-daemon # ABI, launch child, kills at every step
install_packages podman # as a caller of the runtime
command -v npm > /dev/null || install_packages nodejs npm # registry: an S3-compatible server
install_packages chromium # registry: its page
install_packages python3-docker ruby-docker-api ruby-multi-json ansible redis-server redis-tools # tests with other clients
require_newer_programs # docker's plugins, crane, oras, cosign, notation
require_go_client
require_docker_cli
require_powershell # completion

install_packages nftables bind9-dnsutils dnsmasq-base # tests of networks
install_packages crun # --runtime
install_packages uidmap slirp4netns # a daemon without root
install_packages fuse-overlayfs bindfs # storage driver fuse-overlayfs
install_packages rpm db5.3-util # packages, and the databases of installed ones

passed=0 failed=0 skipped=0
count() { # count LOGFILE EXITCODE: adds up what a test executable says of itself
  local total failures errors skips
  read -r total errors failures skips < <(sed -n 's/.*Total: \([0-9]*\), Errors: \([0-9]*\), Failed: \([0-9]*\), Skipped: \([0-9]*\).*/\1 \2 \3 \4/p' "$1" | tail -1)
  failures=$((${failures:-0} + ${errors:-0}))
  [ "$2" -eq 0 ] || [ "$failures" -gt 0 ] || failures=1 # it died before it could count
  failed=$((failed + failures)); skipped=$((skipped + ${skips:-0})); passed=$((passed + ${total:-0} - ${failures:-0} - ${skips:-0}))
}
run() { # run NAME PROJECT ARGS...
  local name=$1 project=$2 log code; shift 2
  log=$(mktemp); echo "== $name"
  dotnet run --no-build --project "$project" -- -noColor -noLogo "$@" 2>&1 | tee "$log"; code=${PIPESTATUS[0]}
  count "$log" "$code"; rm -f "$log"
}

if dotnet build Wharf.slnx --nologo -v quiet && ./dev build; then
  run "unit tests" test/Wharf.Tests -explicit on
  run "system tests" test/Wharf.SystemTests
  echo "== the launch child's machine code"
  if scripts/check-launch-child.sh; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
  echo "== soak, short"
  if ./dev soak 2000; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
else
  failed=1
fi
[ "$skipped" -eq 0 ] || echo "$skipped skipped, for the reasons above"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
