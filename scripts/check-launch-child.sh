#!/usr/bin/env bash
# What runs between clone and exec may call nothing but the system call stub: any library function could need a lock that another thread
# of the parent holds (DESIGN "Launching"). This looks at the machine code that was published, not at the source.
# And no helper of the .NET runtime: RhpGcPoll after a P/Invoke with SuppressGCTransition made children wait for collections in their parent's name.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
object=$(ls -t src/Wharf.Runtime/obj/Release/net10.0/linux-*/native/wharf-runtime.o 2> /dev/null | head -1)
[ -n "$object" ] || { echo "check-launch-child: publish wharf-runtime first (./dev build)" >&2; exit 1; }
# The entry points of children: methods with UnmanagedCallersOnly that clone() is given.
mapfile -t entries < <(nm "$object" | awk '$2 ~ /[Tt]/ && $3 ~ /LaunchChild__Run[A-Za-z]*$/ { print $1, $3 }')
[ ${#entries[@]} -gt 0 ] || { echo "check-launch-child: no entry point LaunchChild.Run… in $object: has it been renamed?" >&2; exit 1; }
bad=0
for entry in "${entries[@]}"; do
  read -r address name <<< "$entry"
  # As strings: an address like 2e8 is a number to awk.
  next=$(nm "$object" | awk '$2 ~ /[Tt]/ { print $1 }' | sort | awk -v a="$address" '!found && ($1 "") > (a "") { print; found = 1 }')
  code=$(objdump -dr --no-show-raw-insn -j __managedcode --start-address=0x"$address" --stop-address=0x"$next" "$object")
  while read -r target; do
    echo "check-launch-child: $name refers to $target" >&2; bad=1
  done < <(sed -n 's/.*R_[A-Z0-9_]*\(PLT32\|PC32\|CALL26\|JUMP26\|GOTPCREL[X]*\)[[:space:]]*\([^[:space:]]*\).*/\2/p' <<< "$code" | sed 's/-0x[0-9a-f]*$//' | sort -u)
  # The stub is called by its address: in the loop and at the end, each written twice (the compiler also thinks of pointers to shared generic code).
  indirect=$(grep -cE '\b(call|jmp) +\*|\bblr\b' <<< "$code" || true)
  if [ "$indirect" -lt 2 ] || [ "$indirect" -gt 4 ]; then echo "check-launch-child: $name has $indirect indirect calls, not 2 to 4" >&2; bad=1; fi
done
[ $bad -eq 0 ] && echo "launch child: ${#entries[@]} entry point(s), no hidden call"
exit $bad
