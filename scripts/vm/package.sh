# Runs inside the guest (see scripts/vm.sh): the Debian package is installed, used over its socket, installed anew, and removed. Its exit code is the number of failures.
failed=0
check() { # check NAME COMMAND...
  local name=$1; shift
  if "$@" > /tmp/check.log 2>&1; then echo "ok    package: $name"; else failed=$((failed + 1)); echo "FAIL  package: $name"; cat /tmp/check.log; systemctl --no-pager status wharf.socket wharf.service; journalctl --no-pager -u wharf.service | tail -20; fi
}
export DOCKER_HOST=unix:///run/wharf/wharf.sock
mkdir -p /tmp/rootfs/bin; cp /bin/busybox /tmp/rootfs/bin/busybox; ln -sf busybox /tmp/rootfs/bin/sh; tar -C /tmp/rootfs -cf /tmp/rootfs.tar .
runs() { docker import /tmp/rootfs.tar packaged && [ "$(docker run --rm packaged sh -c 'echo inside')" = inside ]; }
activated() { systemctl stop wharf.service && ! systemctl is-active --quiet wharf.service && systemctl is-active wharf.socket && docker version && systemctl is-active wharf.service; }
outlives() {
  local id; id=$(docker run -d packaged sh -c 'while :; do busybox sleep 1; done') || return
  dpkg -i /opt/wharf/wharf.deb && [ "$(docker inspect -f '{{.State.Running}}' "$id")" = true ] && pid=$(docker inspect -f '{{.State.Pid}}' "$id")
}
# The unit's own standard output is the container's. journald counts lines to the unit of the writer's control group: by the identifier they are found.
unit() {
  systemd-run --wait --unit wharf-passthrough --setenv DOCKER_HOST="$DOCKER_HOST" /usr/bin/wharf run --rm --log-driver passthrough packaged sh -c 'echo straight to the journal; exit 3'
  [ "$(systemctl show -P ExecMainStatus wharf-passthrough)" = 3 ] || return
  systemctl reset-failed wharf-passthrough
  journalctl --sync; journalctl -t wharf -o cat | grep -x 'straight to the journal'
}
# Nor the container that ran until then, and its shim: nobody could stop them afterwards.
gone() { ! systemctl is-active --quiet wharf.service && ! [ -e /usr/bin/wharf ] && ! [ -e "/proc/$pid" ] && timeout 10 sh -c 'while pgrep -f "wharf-runtime [s]him"; do sleep 0.2; done'; }
purged() { dpkg -P wharf && ! [ -e /var/lib/wharf ]; }
check "installs" dpkg -i /opt/wharf/wharf.deb
check "the daemon runs" systemctl is-active wharf.service
check "a container runs" runs
check "a unit's container writes to its journal" unit
check "the socket starts the daemon" activated
check "a container outlives the installation of another version" outlives
check "is removed" dpkg -r wharf
check "nothing runs any more" gone
check "is purged" purged
exit $failed
