#!/usr/bin/env bash
# What runs between clone and exec may call nothing but the system call stub: any library function could need a lock that another thread
# of the parent holds (DESIGN "Launching"). This looks at the machine code that was published, not at the source.
# Beside the stub only the runtime's own transitions are let through: they work on the parent's thread, which waits in vfork meanwhile.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
object=$(ls -t src/Wharf.Runtime/obj/Release/net10.0/linux-*/native/wharf-runtime.o 2> /dev/null | head -1)
[ -n "$object" ] || { echo "check-launch-child: publish wharf-runtime first (./dev build)" >&2; exit 1; }
allowed='^(syscall|RhpReversePInvoke|RhpReversePInvokeReturn|RhpGcPoll|RhpTrapThreads|RhpDbgUseShadowStack)([-+]|$)'
# The entry points of children: methods with UnmanagedCallersOnly that clone() is given.
mapfile -t entries < <(nm "$object" | awk '$2 ~ /[Tt]/ && $3 ~ /LaunchChild__Run[A-Za-z]*$/ { print $1, $3 }')
[ ${#entries[@]} -gt 0 ] || { echo "check-launch-child: no entry point LaunchChild.Run… in $object: has it been renamed?" >&2; exit 1; }
bad=0
for entry in "${entries[@]}"; do
  read -r address name <<< "$entry"
  next=$(nm "$object" | awk '$2 ~ /[Tt]/ { print $1 }' | sort | awk -v a="$address" '!found && $1 > a { print; found = 1 }')
  code=$(objdump -dr --no-show-raw-insn -j __managedcode --start-address=0x"$address" --stop-address=0x"$next" "$object")
  grep -q 'R_.*syscall' <<< "$code" || { echo "check-launch-child: $name makes no system call: is it disassembled rightly?" >&2; bad=1; }
  while read -r target; do
    [[ $target =~ $allowed ]] && continue
    echo "check-launch-child: $name refers to $target" >&2; bad=1
  done < <(sed -n 's/.*R_[A-Z0-9_]*\(PLT32\|PC32\|CALL26\|JUMP26\|GOTPCREL[X]*\)[[:space:]]*\([^[:space:]]*\).*/\2/p' <<< "$code" | sed 's/-0x[0-9a-f]*$//' | sort -u)
  # An indirect call goes who knows where.
  if grep -E '\b(call|jmp) +\*' <<< "$code" >&2; then echo "check-launch-child: $name calls indirectly" >&2; bad=1; fi
done
[ $bad -eq 0 ] && echo "launch child: ${#entries[@]} entry point(s), no hidden call"
exit $bad
