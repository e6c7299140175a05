#!/bin/busybox sh
# PID 1 of the quick guest (see scripts/vm.sh): cgroup v2 with all controllers, the runtime, a container with limits.
/bin/busybox --install -s /bin
export PATH=/bin
if [ -z "${SWITCHED:-}" ]; then # the initramfs cannot be left with pivot_root: on to a tmpfs
  mkdir /new; mount -t tmpfs new /new; cp -a /bin /lib /lib64 /init /selinux.policy /proc /sys /dev /tmp /run /new 2> /dev/null
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

# SELinux, enforcing: the labels of process and mounts as seen from inside, and that they confine.
mkdir -p /sys/fs/selinux; mount -t selinuxfs selinuxfs /sys/fs/selinux && cat /selinux.policy > /sys/fs/selinux/load && echo 1 > /sys/fs/selinux/enforce
check "SELinux enforces" 1 "$(cat /sys/fs/selinux/enforce)"
labelled() { # labelled MOUNT-LABEL PROCESS-LABEL: a container that tells its labels and writes to a tmpfs
  cat > /tmp/b/config.json <<J
{"ociVersion":"1.2.0","process":{"args":["/bin/sh","-c","echo label=\$(/bin/busybox cat /proc/self/attr/current); /bin/busybox sed -n 's/^none .t tmpfs .*context=\\\\\"*\\\\([^,\\\\\" ]*\\\\).*/mount=\\\\1/p' /proc/mounts; echo x > /t/f && echo written=yes"],"cwd":"/","env":["PATH=/bin"],"user":{"uid":0,"gid":0},"selinuxLabel":"$2"},
"root":{"path":"rootfs"},"mounts":[{"destination":"/proc","type":"proc","source":"proc"},{"destination":"/t","type":"tmpfs","source":"none"}],
"linux":{"mountLabel":"$1","namespaces":[{"type":"pid"},{"type":"mount"}]}}
J
  wharf-runtime run --bundle /tmp/b c2 > /tmp/out 2>&1; code=$?
}
mkdir -p /tmp/b/rootfs/t
labelled u:r:container_t:s0 u:r:container_t:s0
check "labelled container" 0 $code; [ $code -eq 0 ] || cat /tmp/out
check "process label" u:r:container_t:s0 "$(value label)"
check "mount label" u:r:container_t:s0 "$(value mount)"
check "a file of its own type is written" yes "$(value written)"
labelled u:r:secret_t:s0 u:r:container_t:s0
check "mount label secret_t" u:r:secret_t:s0 "$(value mount)"
check "a file of another type is not" "" "$(value written)"
labelled u:r:container_t:s0 u:r:nonexistent_t:s0
check "an unknown label is refused" 1 "$code"
grep -q -i selinux /tmp/out; check "and named" 0 $?
echo "$passed passed, $failed failed"
sync; poweroff -f
