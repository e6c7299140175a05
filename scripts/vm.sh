#!/usr/bin/env bash
# ./dev vm [quick|v2|hybrid|legacy|zfs] [CLASS...]: boots a Debian guest in qemu and runs the published binaries and a part of the system
# tests in it, on the kernel, cgroups and init that most users have.
#   v2      cgroup v2 under systemd (the default)
#   hybrid  cgroup v1 with systemd's own v2 tree beside it     legacy  cgroup v1 alone
#   zfs     v2 with OpenZFS as Debian's zfs-dkms builds it (a quarter of an hour, once), and the tests of that storage driver
#   quick   no Debian: the kernel with a busybox initramfs, cgroup v2, SELinux and the runtime's own check; a minute
# CLASS: xunit class filters for the guest instead of the usual ones.
# WHARF_VM_DIR (default /var/tmp/wharf-vm) keeps kernel and root file system; WHARF_VM_ACCEL=kvm uses the processor's own
# virtualisation (default: software emulation, which works everywhere); WHARF_VM_MIRROR is debootstrap's mirror;
# WHARF_VM_TIMEOUT (seconds, 3600).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. scripts/requirements.sh
mode=${1:-v2}; shift || true
case $mode in quick|v2|hybrid|legacy|zfs) ;; *) die "vm: unknown mode $mode: quick, v2, hybrid, legacy or zfs" ;; esac
require_root
out=${WHARF_OUT:-out}
[ -x "$out/wharf-runtime" ] && { [ "$mode" = quick ] || [ -x "$out/wharf" ]; } || die "no binaries in $out: run ./dev build first"
install_packages qemu-system-x86 debootstrap cpio e2fsprogs busybox-static secilc
vm=${WHARF_VM_DIR:-/var/tmp/wharf-vm}; suite=bookworm
mkdir -p "$vm"
packages=systemd,systemd-sysv,dbus,udev,kmod,linux-image-amd64,busybox-static,libnftables1,iproute2,procps,ca-certificates,curl,tini,criu,iptables,strace,apparmor # criu locks networks by iptables
packages+=,attr,nftables,bind9-dnsutils,dnsmasq-base,socat,nfs-kernel-server,samba # real servers for the tests of networks and volumes

base() { # the guest's root file system: once
  if [ "$(cat "$vm/root/.complete" 2> /dev/null)" != "$packages" ]; then
    say "vm: debootstrap $suite (once, some minutes)"
    rm -rf "$vm/root" "$vm/root.img"
    debootstrap --variant=minbase --include="$packages" "$suite" "$vm/root" ${WHARF_VM_MIRROR:+"$WHARF_VM_MIRROR"} > "$vm/debootstrap.log" 2>&1 || die "debootstrap failed; see $vm/debootstrap.log"
    echo "$packages" > "$vm/root/.complete"
  fi
  kernel=$(ls "$vm"/root/boot/vmlinuz-* | sort -V | tail -1); initrd=$(ls "$vm"/root/boot/initrd.img-* | sort -V | tail -1)
  [ "$mode" = quick ] || [ "$vm/root.img" -nt "$vm/root/.complete" ] && [ "$vm/root.img" -nt scripts/vm/wharf-vm.service ] && return
  [ "$mode" = quick ] && return
  install -m 644 scripts/vm/wharf-vm.service "$vm/root/etc/systemd/system/wharf-vm.service"
  mkdir -p "$vm/root/etc/systemd/system/multi-user.target.wants" "$vm/root/opt/wharf"
  ln -sf ../wharf-vm.service "$vm/root/etc/systemd/system/multi-user.target.wants/wharf-vm.service"
  printf '/dev/vda / ext4 rw,noatime 0 0\n/dev/vdb /opt/wharf ext4 ro 0 0\n' > "$vm/root/etc/fstab"
  echo wharf-vm > "$vm/root/etc/hostname"
  ln -sf /dev/null "$vm/root/etc/systemd/system/systemd-timesyncd.service"
  rm -f "$vm/root.img"
  mkfs.ext4 -q -F -d "$vm/root" -E root_owner=0:0 "$vm/root.img" 3G
}

zfs() { # the module for the guest's kernel, made in a Debian of its own, and the programs
  local tree="$vm/zfs" release; release=$(ls "$vm/root/lib/modules" | sort -V | tail -1)
  if [ "$(cat "$tree/.complete" 2> /dev/null)" != "$release" ]; then
    say "vm: building OpenZFS for $release (once)"
    rm -rf "$tree"
    debootstrap --variant=minbase --components=main,contrib --include="build-essential,linux-headers-$release,dkms,kmod,zfs-dkms,zfsutils-linux" "$suite" "$tree" ${WHARF_VM_MIRROR:+"$WHARF_VM_MIRROR"} > "$vm/zfs.log" 2>&1 || die "debootstrap failed; see $vm/zfs.log"
    # dkms wants /proc; a namespace of its own leaves no mount behind.
    unshare -m sh -ec "mount -t proc proc '$tree/proc'; mount --rbind /dev '$tree/dev'; chroot '$tree' sh -ec 'version=\$(ls /usr/src | sed -n s/^zfs-//p); dkms status | grep -q \"^zfs/\" || dkms add -m zfs -v \$version; dkms install -m zfs -v \$version -k $release'" >> "$vm/zfs.log" 2>&1 || die "OpenZFS could not be built; see $vm/zfs.log"
    echo "$release" > "$tree/.complete"
  fi
  mkdir "$stage/zfs"
  (cd "$tree" && { find "lib/modules/$release/updates" -name '*.ko*'; chroot . dpkg -L zfsutils-linux libzfs4linux libzpool5linux libnvpair3linux libuutil3linux | sed -n 's|^/||p'; } | sort -u | while read -r file; do [ -d "$file" ] || echo "$file"; done | cpio -o -H newc --quiet) | (cd "$stage/zfs" && cpio -i -d --quiet)
}

stage() { # what changes: binaries, tests, the .NET runtime that runs the tests, the docker client
  stage=$(mktemp -d); trap 'rm -rf "$stage" "$initramfs"' EXIT
  mkdir "$stage/out" "$stage/dotnet"
  cp -a "$out/." "$stage/out/"
  cp scripts/vm/guest.sh scripts/vm/package.sh "$stage/"
  cp "$(WHARF_DEB_COMPRESSION=none packaging/deb.sh "$out")" "$stage/wharf.deb"
  dotnet build test/Wharf.SystemTests -c Debug --nologo -v quiet > /dev/null
  cp -a test/Wharf.SystemTests/bin/Debug/net10.0 "$stage/tests"
  local dotnet; dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
  local framework
  for framework in $(sed -n 's/.*"name": "\(Microsoft\.[A-Za-z.]*\)".*/\1/p' "$stage/tests/Wharf.SystemTests.runtimeconfig.json" | sort -u); do
    mkdir -p "$stage/dotnet/shared"; cp -a "$dotnet/shared/$framework" "$stage/dotnet/shared/"
  done
  cp -a "$dotnet/dotnet" "$dotnet/host" "$stage/dotnet/"
  cp -L "$(command -v docker)" "$stage/docker"
  for runc in ${WHARF_VM_RUNC:-} ; do cp -L "$runc" "$stage/runc"; done
  printf '%s\n' "$@" > "$stage/classes"
  [ "$mode" != zfs ] || zfs
  mkfs.ext4 -q -F -d "$stage" "$vm/stage.img" "$(( $(du -sm "$stage" | cut -f1) + 80 ))M"
}

initramfs=$(mktemp)
quick() { # busybox, the runtime and a check script as the whole system
  local tree; tree=$(mktemp -d)
  mkdir -p "$tree"/{bin,lib64,lib,proc,sys,dev,tmp,run}
  cp /bin/busybox "$tree/bin/busybox"; cp "$out/wharf-runtime" "$tree/bin/"; cp scripts/vm/quick.sh "$tree/init"; chmod 755 "$tree/init"
  secilc -c 33 -f /dev/null -o "$tree/selinux.policy" scripts/vm/selinux.cil
  ldd "$out/wharf-runtime" | sed -n 's/.*=> \(\/[^ ]*\).*/\1/p;s/^[[:space:]]*\(\/lib64[^ ]*\).*/\1/p' | while read -r library; do
    mkdir -p "$tree$(dirname "$library")"; cp -L "$library" "$tree$library"
  done
  (cd "$tree" && find . | cpio -o -H newc --quiet | gzip -1) > "$initramfs"
  rm -rf "$tree"
}

# no_timer_check: an emulated timer on a loaded host is late, which the kernel would take for a broken one, and hang.
run() { # run APPEND QEMU-ARGS...: the guest's second serial line is the result
  local append=$1 result="$vm/result-$mode.txt" accel=${WHARF_VM_ACCEL:-tcg} start=$SECONDS; shift
  rm -f "$result"
  say "vm: booting $mode ($accel)"
  timeout --foreground "${WHARF_VM_TIMEOUT:-3600}" qemu-system-x86_64 -accel "$accel" ${WHARF_VM_CPU:+-cpu "$WHARF_VM_CPU"} -m "${WHARF_VM_MEMORY:-2048}" -smp 2 -display none -no-reboot -nic none -monitor none \
    -kernel "$kernel" -append "console=ttyS0 quiet panic=-1 no_timer_check $append" -serial "file:$vm/console-$mode.log" -serial "file:$result" "$@" < /dev/null || say "vm: qemu ended with $?"
  [ -s "$result" ] || { tail -30 "$vm/console-$mode.log"; die "vm: the guest gave no result; its console is $vm/console-$mode.log"; }
  tr -d '\r' < "$result"
  say "vm: $mode took $((SECONDS - start)) s"
  tr -d '\r' < "$result" | grep -q '^[0-9]* passed, 0 failed$' # systemd may have the last word
}

base
if [ "$mode" = quick ]; then
  quick
  run "security=selinux selinux=1" -initrd "$initramfs"
else
  [ "$mode" != zfs ] || [ $# -gt 0 ] || set -- "*ZfsSnapshotTests" "*ZfsDriverTests"
  stage "$@"
  case $mode in
    v2 | zfs) cgroups="systemd.unified_cgroup_hierarchy=1" ;;
    hybrid) cgroups="systemd.unified_cgroup_hierarchy=0" ;;
    legacy) cgroups="systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1" ;;
  esac
  trap 'rm -rf "$stage" "$initramfs" "$vm/overlay-$mode.qcow2"' EXIT
  run "root=/dev/vda rw $cgroups swapaccount=1" -initrd "$initrd" \
    -drive "file=$vm/root.img,format=raw,if=virtio,snapshot=on" -drive "file=$vm/stage.img,format=raw,if=virtio,readonly=on"
fi
