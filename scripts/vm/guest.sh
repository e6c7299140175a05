# Runs inside the guest (see scripts/vm.sh); what it prints is the result, its last line the count.
export PATH=/opt/wharf:/opt/wharf/out:$PATH DOTNET_ROOT=/opt/wharf/dotnet DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 LC_ALL=C.UTF-8
export WHARF_OUT=/opt/wharf/out WHARF_IN_VM=1 HOME=/root DOTNET_TieredPGO=0
echo "kernel $(uname -r), $(systemctl --version | head -1), cgroups: $(stat -fc %T /sys/fs/cgroup), $(nproc) CPUs"
modprobe -a overlay veth bridge nf_tables macvlan ipvlan 8021q sctp nfs nfsd cifs 2>&1
modprobe rdma_rxe && rdma link add wharf0 type rxe netdev lo # limits of the rdma controller name a device
[ ! -d /opt/wharf/zfs ] || { tar -C /opt/wharf/zfs -c . | tar -C / -x --keep-directory-symlink && ldconfig && depmod && modprobe zfs; } 2>&1
cd /tmp
package=0
bash /opt/wharf/package.sh 2>&1 || package=$?
mapfile -t classes < /opt/wharf/classes
filters=()
for class in "${classes[@]}"; do [ -z "$class" ] || filters+=(-class "$class"); done
[ ${#filters[@]} -gt 0 ] || filters=(-class "*Cgroup*" -class "*Systemd*" -class "*NestedTests" -class "*SystemTests.Runtime.*" -class "*SystemTests.Security.*" -class "*SystemTests.Shim.*" -class "*Networks.ParentTests" -class "*Volumes.FileServerTests" -class "*Volumes.QuotaTests") # few kernels of CI have ipvlan, nfs, cifs and quotas
/opt/wharf/dotnet/dotnet /opt/wharf/tests/Wharf.SystemTests.dll -noColor -noLogo "${filters[@]}" > /tmp/log 2>&1
code=$?
cat /tmp/log
read -r total errors failures < <(sed -n 's/.*Total: \([0-9]*\), Errors: \([0-9]*\), Failed: \([0-9]*\), Skipped: \([0-9]*\).*/\1 \2 \3/p' /tmp/log | tail -1)
failures=$((${failures:-0} + ${errors:-0} + package))
[ $code -eq 0 ] || [ $failures -gt 0 ] || failures=1
[ "${total:-0}" -gt 0 ] || failures=1
sync
echo "$((${total:-0} + 9 - failures)) passed, $failures failed"
sleep 1
