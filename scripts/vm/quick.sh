#!/bin/busybox sh
# PID 1 of the quick guest (see scripts/vm.sh): cgroup v2 with all controllers, the runtime, a container with limits.
/bin/busybox --install -s /bin
export PATH=/bin
if [ -z "${SWITCHED:-}" ]; then # the initramfs cannot be left with pivot_root: on to a tmpfs
  mkdir /new; mount -t tmpfs new /new; cp -a /bin /lib /lib64 /init /proc /sys /dev /tmp /run /new 2> /dev/null
  SWITCHED=1 exec switch_root /new /init
fi
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp; mount -t tmpfs run /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec > /dev/ttyS1 2>&1
passed=0 failed=0
check() { # check NAME WANTED GOT
  if [ "$2" = "$3" ]; then passed=$((passed + 1)); echo "ok    $1"; else failed=$((failed + 1)); echo "FAIL  $1: wanted [$2], got [$3]"; fi
}
echo "kernel $(uname -r), controllers: $(cat /sys/fs/cgroup/cgroup.controllers)"
mkdir -p /tmp/b/rootfs/bin /tmp/b/rootfs/proc /tmp/b/rootfs/sys /tmp/b/rootfs/dev; cp /bin/busybox /tmp/b/rootfs/bin/busybox; ln -s busybox /tmp/b/rootfs/bin/sh
cat > /tmp/b/config.json <<'J'
{"ociVersion":"1.2.0","process":{"args":["/bin/sh","-c","cd /sys/fs/cgroup; for f in memory.max memory.low memory.swap.max cpu.weight cpu.max pids.max cpuset.cpus; do echo $f=$(/bin/busybox cat $f); done; (: < /dev/null) && echo null=ok; /bin/busybox mknod /full c 1 7 && /bin/busybox dd if=/full bs=1 count=1 of=/dev/null 2>/dev/null && echo full=ok; /bin/busybox mknod /mem c 1 1 && (/bin/busybox dd if=/mem bs=1 count=1 of=/dev/null 2>&1 | /bin/busybox grep -q 'not permitted' && echo mem=denied)"],"cwd":"/","env":["PATH=/bin"],"user":{"uid":0,"gid":0},
"capabilities":{"bounding":["CAP_MKNOD"],"effective":["CAP_MKNOD"],"permitted":["CAP_MKNOD"]}},
"root":{"path":"rootfs"},"mounts":[{"destination":"/proc","type":"proc","source":"proc"},{"destination":"/dev","type":"tmpfs","source":"tmpfs"},{"destination":"/sys","type":"sysfs","source":"sysfs"},{"destination":"/sys/fs/cgroup","type":"cgroup","source":"cgroup"}],
"linux":{"cgroupsPath":"/quick/c1","namespaces":[{"type":"pid"},{"type":"mount"},{"type":"ipc"},{"type":"uts"},{"type":"cgroup"}],
"resources":{"devices":[{"allow":false,"access":"rwm"}],"memory":{"limit":67108864,"swap":100663296,"reservation":33554432},"cpu":{"shares":512,"quota":20000,"period":100000,"cpus":"0"},"pids":{"limit":20}}}}
J
cd /tmp; wharf-runtime run --bundle /tmp/b c1 > /tmp/out 2>&1; code=$?
[ $code -eq 0 ] || cat /tmp/out
check "exit code" 0 $code
value() { sed -n "s/^$1=//p" /tmp/out; }
check memory.max 67108864 "$(value memory.max)"
check memory.low 33554432 "$(value memory.low)"
check memory.swap.max 33554432 "$(value memory.swap.max)"
check "cpu.weight of 512 shares" 59 "$(value cpu.weight)"
check cpu.max "20000 100000" "$(value cpu.max)"
check pids.max 20 "$(value pids.max)"
check cpuset.cpus 0 "$(value cpuset.cpus)"
check "device /dev/null" ok "$(value null)"
check "device full" ok "$(value full)"
check "device mem is denied" denied "$(value mem)"
check "no group left" "" "$(ls -d /sys/fs/cgroup/quick/c1 2> /dev/null)"
echo "$passed passed, $failed failed"
sync; poweroff -f
